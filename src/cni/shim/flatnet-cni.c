/*
 * The CNI executable: hands its CNI_ variables and its stdin to the agent's socket, and the answer to its caller.
 *
 * It is a program of its own, in C and static, because runtimes start it for every pod: this one is through in a
 * millisecond, where an interpreter takes tens of them to start. ../shim-protocol.ts describes what is said.
 *
 * A runtime gives it no environment of our choosing, and its stdin is JSON that we'd have to understand. What may differ
 * between installations stands in a file beside the executable, therefore, named as it is with .conf after it:
 *
 *     socket=/run/flatnet/cni.sock
 *     wait=10
 *
 * where wait is how many seconds an agent that is away (being upgraded, say) is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL_VERSION 1
#define RETRY_NANOSECONDS (20 * 1000 * 1000)

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

/* Prints an error as CNI wants it. Nothing in `message` needs escapes but what a path may hold. */
static int fail(int code, const char *message) {
  printf("{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"flatnet: ", code);
  for (const char *c = message; *c; c++) putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '?' : *c);
  printf("\",\"details\":\"look at the agent on this node: its logs, and its state\"}");
  fflush(stdout);
  return 1;
}

static void reserve(struct buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->length >= more) return;
  buffer->capacity = (buffer->length + more) * 2;
  buffer->data = realloc(buffer->data, buffer->capacity);
  if (!buffer->data) exit(fail(CODE_IO, "out of memory"));
}

static void append(struct buffer *buffer, const char *data, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
}

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

static void read_settings(const char *executable) {
  char file[PATH_MAX + sizeof ".conf"], line[PATH_MAX];
  snprintf(file, sizeof file, "%s.conf", executable);
  FILE *stream = fopen(file, "re");
  if (!stream) return;
  while (fgets(line, sizeof line, stream)) {
    line[strcspn(line, "\r\n")] = 0;
    if (!strncmp(line, "wait=", 5)) settings.wait = atof(line + 5);
    if (!strncmp(line, "socket=", 7) && strlen(line + 7) < sizeof settings.socket.sun_path)
      strcpy(settings.socket.sun_path, line + 7);
  }
  fclose(stream);
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

/* A connection to the agent, waited for until `seconds` have passed; -1 where there is none. */
static int connect_agent(double seconds) {
  double deadline = now() + seconds;
  for (;;) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (struct sockaddr *)&settings.socket, sizeof settings.socket) == 0) return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    int away = cause == ENOENT || cause == ECONNREFUSED || cause == EAGAIN || cause == EINTR;
    if (!away || now() >= deadline) return -1;
    nanosleep(&(struct timespec){.tv_nsec = RETRY_NANOSECONDS}, NULL);
  }
}

int main(int count, char **arguments) {
  const char *given = getenv("CNI_COMMAND");
  const char *command = given ? given : "";
  int is_version = !strcmp(command, "VERSION"), is_status = !strcmp(command, "STATUS");

  char executable[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[length > 0 ? length : 0] = 0;
  read_settings(length > 0 ? executable : count > 0 ? arguments[0] : "flatnet");

  /* The runtime may end before us, and the agent before it has read everything: both are seen from what write returns. */
  signal(SIGPIPE, SIG_IGN);

  struct buffer request = {0}, reply = {0};
  const char *name = count > 0 ? arguments[0] : "flatnet", *slash = strrchr(name, '/');
  build_request(&request, slash ? slash + 1 : name);
  if (append_all(&request, STDIN_FILENO) < 0) return fail(CODE_IO, "stdin cannot be read");

  int agent = connect_agent(is_version || is_status ? 0 : settings.wait);
  if (agent < 0 && is_version) {
    printf("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
    return 0;
  }
  char message[512];
  if (agent < 0) {
    snprintf(message, sizeof message, "the agent cannot be reached at %s: %s", settings.socket.sun_path, strerror(errno));
    return fail(is_status ? CODE_NOT_AVAILABLE : CODE_TRY_AGAIN_LATER, message);
  }
  if (write_all(agent, request.data, request.length) == 0) shutdown(agent, SHUT_WR);
  /* An agent that refuses a request early has answered although not all could be written. */
  append_all(&reply, agent);
  if (reply.length == 0) return fail(CODE_TRY_AGAIN_LATER, "the agent ended before it answered");
  if (write_all(STDOUT_FILENO, reply.data + 1, reply.length - 1) < 0) return 1;
  return (unsigned char)reply.data[0];
}
