/** Where the controller tells people what it does; pino's loggers fit. */
export interface ControllerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
