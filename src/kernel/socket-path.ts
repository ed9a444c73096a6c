/** Bytes that the path of a unix socket may have: unix(7), sun_path without its terminating zero. */
export const LONGEST_SOCKET_PATH = 107;
