/*
 * Round trips of one small message, over TCP or UDP, and the making of TCP connections, IPv4.
 *
 *     round-trip serve CPU PORT                       echoes on both; prints a line when it listens
 *     round-trip measure CPU tcp|udp ADDRESS PORT COUNT   prints median, minimum and 99th percentile in nanoseconds
 *     round-trip connect CPU ADDRESS PORT COUNT           the same of connect(2)
 *
 * Either runs on the processor named.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 64
#define WARM_UP 300

static void check(int failed, const char *what) {
  if (!failed) return;
  perror(what);
  exit(1);
}

static void run_on(const char *processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(atoi(processor), &set);
  check(sched_setaffinity(0, sizeof set, &set) < 0, "sched_setaffinity");
}

static struct sockaddr_in address_of(const char *address, const char *port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  check(inet_pton(AF_INET, address, &result.sin_addr) != 1, "address");
  return result;
}

static void send_at_once(int fd) { setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); }

static void receive_whole(int fd, char *message) {
  for (ssize_t got = 0; got < MESSAGE;) {
    ssize_t count = recv(fd, message + got, (size_t)(MESSAGE - got), 0);
    check(count <= 0, "recv");
    got += count;
  }
}

static void echo_connection(int fd) {
  char message[MESSAGE];
  send_at_once(fd);
  for (ssize_t count; (count = recv(fd, message, sizeof message, 0)) > 0;)
    if (send(fd, message, (size_t)count, MSG_NOSIGNAL) < 0) break;
  close(fd);
}

static void echo_datagrams(int fd) {
  char message[MESSAGE];
  struct sockaddr_in sender;
  for (;;) {
    socklen_t length = sizeof sender;
    ssize_t count = recvfrom(fd, message, sizeof message, 0, (struct sockaddr *)&sender, &length);
    if (count > 0) sendto(fd, message, (size_t)count, 0, (struct sockaddr *)&sender, length);
  }
}

static _Noreturn void serve(const char *port) {
  struct sockaddr_in any = address_of("0.0.0.0", port);
  int listener = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  check(bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 8) < 0, "listen");
  check(bind(datagrams, (struct sockaddr *)&any, sizeof any) < 0, "bind");
  puts("listening");
  fflush(stdout);
  if (fork() == 0) echo_datagrams(datagrams);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection >= 0) echo_connection(connection);
  }
}

static int compare(const void *left, const void *right) {
  int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
  return (difference > 0) - (difference < 0);
}

static int64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int print_times(int64_t *times, int count) {
  qsort(times, (size_t)count, sizeof *times, compare);
  printf("%ld %ld %ld\n", times[count / 2], times[0], times[count * 99 / 100]);
  return 0;
}

static int measure(const char *protocol, const char *address, const char *port, int count) {
  struct sockaddr_in server = address_of(address, port);
  int fd = socket(AF_INET, strcmp(protocol, "tcp") ? SOCK_DGRAM : SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 2}, sizeof(struct timeval));
  check(connect(fd, (struct sockaddr *)&server, sizeof server) < 0, "connect");
  send_at_once(fd);
  char message[MESSAGE] = {0};
  int64_t *times = calloc((size_t)count, sizeof *times);
  for (int i = -WARM_UP; i < count; i++) {
    int64_t begin = nanoseconds();
    check(send(fd, message, sizeof message, 0) < 0, "send");
    receive_whole(fd, message);
    if (i >= 0) times[i] = nanoseconds() - begin;
  }
  return print_times(times, count);
}

static int measure_connects(const char *address, const char *port, int count) {
  struct sockaddr_in server = address_of(address, port);
  char message[MESSAGE] = {0};
  int64_t *times = calloc((size_t)count, sizeof *times);
  for (int i = -WARM_UP; i < count; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    /* Reset in the end: no TIME_WAIT uses up the ports. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    int64_t begin = nanoseconds();
    check(connect(fd, (struct sockaddr *)&server, sizeof server) < 0, "connect");
    if (i >= 0) times[i] = nanoseconds() - begin;
    /* So that the server has taken it before the next one comes. */
    check(send(fd, message, sizeof message, 0) < 0, "send");
    receive_whole(fd, message);
    close(fd);
  }
  return print_times(times, count);
}

int main(int count, char **arguments) {
  if (count > 2) run_on(arguments[2]);
  if (count == 4 && !strcmp(arguments[1], "serve")) serve(arguments[3]);
  if (count == 7 && !strcmp(arguments[1], "measure"))
    return measure(arguments[3], arguments[4], arguments[5], atoi(arguments[6]));
  if (count == 6 && !strcmp(arguments[1], "connect"))
    return measure_connects(arguments[3], arguments[4], atoi(arguments[5]));
  fputs("usage: round-trip serve CPU PORT | measure CPU tcp|udp ADDRESS PORT COUNT | connect CPU ADDRESS PORT COUNT\n",
        stderr);
  return 64;
}
