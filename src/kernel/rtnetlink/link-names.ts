/** Which index a link of one namespace has. Names are how the project speaks of links, indices how the kernel does. */
export interface LinkNames {
  /** @throws FlatnetError `not-found` */
  indexOf(name: string): number;
  /** `if7` for an index that no link has any more. */
  nameOf(index: number): string;
}
