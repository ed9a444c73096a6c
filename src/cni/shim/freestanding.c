/*
 * What flatnet-cni.c needs of a C library, and its start, for x86_64 and aarch64.
 *
 * A C library's start asks the processor dozens of questions (CPUID), and a virtual machine stops at each of them for its
 * hypervisor to answer: 0.3 ms, twice as long as everything else that the shim does. Here the library's declarations have
 * system calls behind them and no more: nothing knows of threads, and a function does only what flatnet-cni.c asks of it.
 * Where this cannot be built, the library is linked.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* See syscall(2), "Architecture calling conventions". */
#if defined __x86_64__ && !defined __ILP32__
static long enter_kernel(long number, long first, long second, long third, long fourth, long fifth, long sixth) {
  register long r10 __asm__("r10") = fourth, r8 __asm__("r8") = fifth, r9 __asm__("r9") = sixth;
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return number;
}

/* The kernel starts a program with a stack that holds its arguments, and with no address to return to. */
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "  xor %ebp, %ebp\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call start_main\n");
#elif defined __aarch64__ && !defined __ILP32__
static long enter_kernel(long number, long first, long second, long third, long fourth, long fifth, long sixth) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = first, x1 __asm__("x1") = second;
  register long x2 __asm__("x2") = third, x3 __asm__("x3") = fourth;
  register long x4 __asm__("x4") = fifth, x5 __asm__("x5") = sixth;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "  mov x29, #0\n"
        "  mov x30, #0\n"
        "  mov x0, sp\n"
        "  bl start_main\n");
#else
#error "no system calls are written down for this architecture: link the C library"
#endif

static int last_error;

/* `errno` is what this returns the address of, in glibc and musl. */
int *__errno_location(void) { return &last_error; }

/* The kernel returns an error as a small negative number. */
static long checked(long result) {
  if ((unsigned long)result <= -4096UL) return result;
  last_error = (int)-result;
  return -1;
}

#define CALL(name, first, second, third) \
  checked(enter_kernel(SYS_##name, (long)(first), (long)(second), (long)(third), 0, 0, 0))

int main(int count, char **arguments);
char **environ;

/* On the stack are the number of arguments, the arguments, NULL, and the environment (System V ABI, "Process stack"). */
__attribute__((noreturn, used)) void start_main(long *stack) {
  int count = (int)stack[0];
  char **arguments = (char **)(stack + 1);
  environ = arguments + count + 1;
  _exit(main(count, arguments));
}

void _exit(int status) {
  for (;;) CALL(exit_group, status, 0, 0);
}

ssize_t read(int fd, void *data, size_t length) { return CALL(read, fd, data, length); }

ssize_t write(int fd, const void *data, size_t length) { return CALL(write, fd, data, length); }

int close(int fd) { return (int)CALL(close, fd, 0, 0); }

/* For files that exist: a mode is not handed on. */
int open(const char *file, int flags, ...) { return (int)CALL(openat, AT_FDCWD, file, flags); }

ssize_t readlink(const char *file, char *target, size_t size) {
  return checked(enter_kernel(SYS_readlinkat, AT_FDCWD, (long)file, (long)target, (long)size, 0, 0));
}

int socket(int family, int type, int protocol) { return (int)CALL(socket, family, type, protocol); }

int connect(int fd, const struct sockaddr *address, socklen_t length) { return (int)CALL(connect, fd, address, length); }

int shutdown(int fd, int how) { return (int)CALL(shutdown, fd, how, 0); }

int clock_gettime(clockid_t clock, struct timespec *time) { return (int)CALL(clock_gettime, clock, time, 0); }

int nanosleep(const struct timespec *time, struct timespec *rest) { return (int)CALL(nanosleep, time, rest, 0); }

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return (void *)checked(enter_kernel(SYS_mmap, (long)address, (long)length, protection, flags, fd, offset));
}

/* Takes SIG_IGN and SIG_DFL: a handler would need a way back from it. Doesn't tell what held before. */
void (*signal(int number, void (*handler)(int)))(int) {
  /* `struct sigaction` of linux/signal.h begins with the handler; the rest is no flags and an empty mask of 8 bytes. */
  const long action[4] = {(long)handler};
  return checked(enter_kernel(SYS_rt_sigaction, number, (long)action, 0, 8, 0, 0)) < 0 ? SIG_ERR : SIG_DFL;
}

/*
 * Compilers call memcpy and memset of their own accord, and take loops for them or for strlen: the empty instruction
 * keeps these from becoming calls of themselves. Whichever else a compiler wants is missing at the link.
 */
#define NOT_A_CALL() __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  for (size_t i = 0; i < length; i++) {
    ((char *)to)[i] = ((const char *)from)[i];
    NOT_A_CALL();
  }
  return to;
}

void *memset(void *data, int byte, size_t length) {
  for (size_t i = 0; i < length; i++) {
    ((char *)data)[i] = (char)byte;
    NOT_A_CALL();
  }
  return data;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) {
    length++;
    NOT_A_CALL();
  }
  return length;
}

int strncmp(const char *left, const char *right, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (left[i] != right[i] || !left[i]) return (unsigned char)left[i] - (unsigned char)right[i];
  return 0;
}

int strcmp(const char *left, const char *right) { return strncmp(left, right, (size_t)-1); }

char *strrchr(const char *text, int wanted) {
  const char *found = NULL;
  do
    if (*text == (char)wanted) found = text;
  while (*text++);
  return (char *)found;
}
