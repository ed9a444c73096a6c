/** The words of the SPDY/3.1 draft's zlib dictionary (section 2.6.10.1) that stand with their length, four bytes big-endian. */
const COUNTED_WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status';

/** What follows them, some of it counted again. */
const TAIL: readonly (string | { readonly counted: string })[] = [
  { counted: '200 OK' },
  { counted: 'version' },
  { counted: 'HTTP/1.1' },
  { counted: 'url' },
  { counted: 'public' },
  { counted: 'set-cookie' },
  { counted: 'keep-alive' },
  { counted: 'origin' },
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505',
  '203 Non-Authoritative Information',
  '204 No Content',
  '301 Moved Permanently',
  '400 Bad Request',
  '401 Unauthorized',
  '403 Forbidden',
  '404 Not Found',
  '500 Internal Server Error',
  '501 Not Implemented',
  '503 Service Unavailable',
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec',
  ' 00:00:00',
  ' Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT',
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public',
  'privatemax-age=gzip,deflate,sdch',
  'charset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
];

function counted(word: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(word.length);
  return Buffer.concat([length, Buffer.from(word)]);
}

/** The dictionary with which both sides compress header blocks. */
export const SPDY_DICTIONARY: Buffer = Buffer.concat([
  ...COUNTED_WORDS.split(' ').map(counted),
  ...TAIL.map((part) => (typeof part === 'string' ? Buffer.from(part) : counted(part.counted))),
]);
