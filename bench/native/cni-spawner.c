/*
 * Starts CNI plugins as a runtime does, and tells how long they took: small, so that it doesn't count.
 *
 *     cni-spawner PLUGIN_DIRECTORY PATH
 *
 * Every line of standard input is one call: command, plugin, container, namespace, file for stdin, file for stdout, with
 * tabs between. An empty line runs all that have come since the last one at once, and prints for them
 *
 *     WALL CPU FAILED
 *
 * microseconds from the first start to the last exit, microseconds of processor of the plugins and of what they waited
 * for, and how many of them did not exit with 0.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define MOST_CALLS 512
#define FIELDS 6

static double microseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double processor(const struct rusage *usage) {
  const struct timeval *user = &usage->ru_utime, *system = &usage->ru_stime;
  return (double)(user->tv_sec + system->tv_sec) * 1e6 + (double)(user->tv_usec + system->tv_usec);
}

/* 0, or what posix_spawn says. */
static int start(char *line, const char *directory, const char *path) {
  char *fields[FIELDS];
  for (int i = 0; i < FIELDS; i++)
    if (!(fields[i] = strsep(&line, "\t"))) return -1;
  char command[64], container[256], namespace[4096], plugins[4096], search[4096], arguments[512], file[4096];
  snprintf(command, sizeof command, "CNI_COMMAND=%s", fields[0]);
  snprintf(file, sizeof file, "%s/%s", directory, fields[1]);
  snprintf(container, sizeof container, "CNI_CONTAINERID=%s", fields[2]);
  snprintf(namespace, sizeof namespace, "CNI_NETNS=%s", fields[3]);
  snprintf(plugins, sizeof plugins, "CNI_PATH=%s", directory);
  snprintf(search, sizeof search, "PATH=%s", path);
  snprintf(arguments, sizeof arguments, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=%s", fields[2]);
  char *environment[] = {command, container, namespace, "CNI_IFNAME=eth0", plugins, arguments, search, NULL};
  char *words[] = {file, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, fields[4], O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, fields[5], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child;
  int failure = posix_spawn(&child, file, &actions, NULL, words, environment);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

int main(int count, char **arguments) {
  if (count != 3) return 64;
  static char *calls[MOST_CALLS];
  int number = 0;
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    line[strcspn(line, "\n")] = 0;
    if (*line && number < MOST_CALLS) {
      calls[number++] = strdup(line);
      continue;
    }
    double begin = microseconds(), cpu = 0;
    int failed = 0, running = 0;
    for (int i = 0; i < number; i++)
      if (start(calls[i], arguments[1], arguments[2]) == 0) running++;
      else failed++;
    for (; running > 0; running--) {
      int status;
      struct rusage usage;
      if (wait4(-1, &status, 0, &usage) < 0) break;
      cpu += processor(&usage);
      if (status != 0) failed++;
    }
    printf("%.0f %.0f %d\n", microseconds() - begin, cpu, failed);
    fflush(stdout);
    while (number > 0) free(calls[--number]);
  }
  return 0;
}
