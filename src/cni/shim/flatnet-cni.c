/*
 * The CNI executable: hands its CNI_ variables and its stdin to the agent's socket, and the answer to its caller.
 *
 * It is a program of its own, in C, because runtimes start it for every pod: this one is through in a fraction of a
 * millisecond, where an interpreter takes tens of them to start. Two thirds of that would be the start of a C library, so
 * that freestanding.c stands in for it where it can: no other functions may be called here than it has.
 * ../shim-protocol.ts describes what is said.
 *
 * A runtime gives it no environment of our choosing, and its stdin is JSON that we'd have to understand. What may differ
 * between installations stands in a file beside the executable, therefore, named as it is with .conf after it:
 *
 *     socket=/run/flatnet/cni.sock
 *     wait=10
 *
 * where wait is how many seconds an agent that is away (being upgraded, say) is waited for: digits, maybe a fraction.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL_VERSION 1
#define RETRY_NANOSECONDS (20 * 1000 * 1000)
/* PATH_MAX of linux/limits.h. */
#define LONGEST_PATH 4096

/* Codes of CNI errors. */
enum { CODE_IO = 5, CODE_TRY_AGAIN_LATER = 11, CODE_NOT_AVAILABLE = 50 };

extern char **environ;

static struct {
  struct sockaddr_un socket;
  double wait;
} settings = {.socket = {.sun_family = AF_UNIX, .sun_path = "/run/flatnet/cni.sock"}, .wait = 10};

/* Bytes that grow. */
struct buffer {
  char *data;
  size_t length, capacity;
};

/* Holds the settings, the request and the reply, one after another, as long as they fit. */
static char memory[65536];

static int fail(int code, const char *message);

/* Makes room. What was outgrown is not given back: a process of one request ends soon. */
static void reserve(struct buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->length >= more) return;
  size_t capacity = (buffer->length + more) * 2;
  char *data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) _exit(fail(CODE_IO, "out of memory"));
  memcpy(data, buffer->data, buffer->length);
  buffer->data = data;
  buffer->capacity = capacity;
}

static void append(struct buffer *buffer, const char *data, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
}

static void append_text(struct buffer *buffer, const char *text) { append(buffer, text, strlen(text)); }

/* Appends all that can be read; -1 after an error. */
static int append_all(struct buffer *buffer, int fd) {
  for (;;) {
    reserve(buffer, 16384);
    ssize_t count = read(fd, buffer->data + buffer->length, buffer->capacity - buffer->length);
    if (count == 0) return 0;
    if (count > 0) buffer->length += (size_t)count;
    else if (errno != EINTR) return -1;
  }
}

static int write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t count = write(fd, data, length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    data += count;
    length -= (size_t)count;
  }
  return 0;
}

static void append_number(struct buffer *buffer, int number) {
  if (number > 9) append_number(buffer, number / 10);
  append(buffer, &"0123456789"[number % 10], 1);
}

/* Appends what an error of connect means; texts for all errors would be the C library's. */
static void append_error(struct buffer *buffer, int error) {
  const char *text = error == ENOENT         ? "No such file or directory"
                     : error == ECONNREFUSED ? "Connection refused"
                     : error == EACCES       ? "Permission denied"
                     : error == EAGAIN       ? "Resource temporarily unavailable"
                     : error == ETIMEDOUT    ? "Connection timed out"
                                             : NULL;
  append_text(buffer, text ? text : "error ");
  if (!text) append_number(buffer, error);
}

/* Prints an error as CNI wants it. Nothing in `message` needs escapes but what a path may hold. */
static int fail(int code, const char *message) {
  char text[1024];
  struct buffer error = {text, 0, sizeof text};
  append_text(&error, "{\"cniVersion\":\"1.1.0\",\"code\":");
  append_number(&error, code);
  append_text(&error, ",\"msg\":\"flatnet: ");
  for (const char *c = message; *c; c++) append(&error, *c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? "?" : c, 1);
  append_text(&error, "\",\"details\":\"look at the agent on this node: its logs, and its state\"}");
  write_all(STDOUT_FILENO, error.data, error.length);
  return 1;
}

static int fail_unreachable(int code, int cause) {
  char text[512];
  struct buffer message = {text, 0, sizeof text};
  append_text(&message, "the agent cannot be reached at ");
  append_text(&message, settings.socket.sun_path);
  append_text(&message, ": ");
  append_error(&message, cause);
  append(&message, "", 1);
  return fail(code, message.data);
}

/* The number that a text begins with: digits, and perhaps a fraction. */
static double parse_seconds(const char *text) {
  double seconds = 0, unit = 1;
  for (; *text >= '0' && *text <= '9'; text++) seconds = seconds * 10 + (*text - '0');
  if (*text == '.')
    for (text++; *text >= '0' && *text <= '9'; text++) seconds += (*text - '0') * (unit /= 10);
  return seconds;
}

static void read_setting(const char *line) {
  if (!strncmp(line, "wait=", 5)) settings.wait = parse_seconds(line + 5);
  if (!strncmp(line, "socket=", 7) && strlen(line + 7) < sizeof settings.socket.sun_path)
    memcpy(settings.socket.sun_path, line + 7, strlen(line + 7) + 1);
}

/* Reads the settings beside the executable, which is what this program was started as where /proc doesn't say more. */
static void read_settings(const char *started_as) {
  char file[LONGEST_PATH + sizeof ".conf"];
  ssize_t length = readlink("/proc/self/exe", file, LONGEST_PATH);
  if (length < 0) {
    length = (ssize_t)strlen(started_as);
    if (length > LONGEST_PATH) return;
    memcpy(file, started_as, (size_t)length);
  }
  memcpy(file + length, ".conf", sizeof ".conf");
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct buffer content = {memory, 0, sizeof memory};
  append_all(&content, fd);
  close(fd);
  append(&content, "", 1);
  for (char *c = content.data; c < content.data + content.length; c++)
    if (*c == '\r' || *c == '\n') *c = 0;
  for (size_t line = 0; line < content.length; line += strlen(content.data + line) + 1) read_setting(content.data + line);
}

static void build_request(struct buffer *request, const char *plugin) {
  append(request, (const char[]){PROTOCOL_VERSION}, 1);
  append(request, plugin, strlen(plugin) + 1);
  for (char **variable = environ; *variable; variable++)
    if (!strncmp(*variable, "CNI_", 4)) append(request, *variable, strlen(*variable) + 1);
  append(request, "", 1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A connection to the agent, waited for until `seconds` have passed; where there is none, what is wrong, negated. */
static int connect_agent(double seconds) {
  double deadline = now() + seconds;
  for (;;) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&settings.socket, sizeof settings.socket) == 0) return fd;
    int cause = errno;
    close(fd);
    int away = cause == ENOENT || cause == ECONNREFUSED || cause == EAGAIN || cause == EINTR;
    if (!away || now() >= deadline) return -cause;
    nanosleep(&(struct timespec){.tv_nsec = RETRY_NANOSECONDS}, NULL);
  }
}

/* Whether the environment asks for a command of CNI. */
static int is_asked(const char *assignment) {
  for (char **variable = environ; *variable; variable++)
    if (!strcmp(*variable, assignment)) return 1;
  return 0;
}

int main(int count, char **arguments) {
  const char *name = count > 0 ? arguments[0] : "flatnet", *slash = strrchr(name, '/');
  int is_version = is_asked("CNI_COMMAND=VERSION"), is_status = is_asked("CNI_COMMAND=STATUS");
  read_settings(name);

  /* The runtime may end before us, and the agent before it has read everything: both are seen from what write returns. */
  signal(SIGPIPE, SIG_IGN);

  struct buffer request = {memory, 0, sizeof memory};
  build_request(&request, slash ? slash + 1 : name);
  if (append_all(&request, STDIN_FILENO) < 0) return fail(CODE_IO, "stdin cannot be read");

  int agent = connect_agent(is_version || is_status ? 0 : settings.wait);
  if (agent < 0 && is_version) {
    const char *reply = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}";
    write_all(STDOUT_FILENO, reply, strlen(reply));
    return 0;
  }
  if (agent < 0) return fail_unreachable(is_status ? CODE_NOT_AVAILABLE : CODE_TRY_AGAIN_LATER, -agent);
  if (write_all(agent, request.data, request.length) == 0) shutdown(agent, SHUT_WR);
  /* An agent that refuses a request early has answered although not all could be written. */
  struct buffer reply = {request.data, 0, request.capacity};
  append_all(&reply, agent);
  if (reply.length == 0) return fail(CODE_TRY_AGAIN_LATER, "the agent ended before it answered");
  if (write_all(STDOUT_FILENO, reply.data + 1, reply.length - 1) < 0) return 1;
  return (unsigned char)reply.data[0];
}
