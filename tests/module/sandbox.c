#define _GNU_SOURCE /* SYS_* */
#include "sandbox.h"

#include "host.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

#define CALLS_MAX 120 /* a jump of the filter reaches 255 instructions */
#define LOAD(field) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (value))
#define UNLESS_SKIP_ONE(value) (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)

bool sandbox_is_possible(void) {
  return ARCHITECTURE != 0 && prctl(PR_GET_SECCOMP) >= 0;
}

static void install(const long *calls, size_t count, unsigned listed, unsigned others) {
  must(count <= CALLS_MAX);
  struct sock_filter filter[2 * CALLS_MAX + 8];
  size_t n = 0;
  filter[n++] = LOAD(arch);
  filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
  filter[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
  filter[n++] = LOAD(nr);
  for (size_t i = 0; i < count; i++) {
    filter[n++] = UNLESS_SKIP_ONE((unsigned)calls[i]);
    filter[n++] = RETURN(listed);
  }
  filter[n++] = RETURN(others);
  struct sock_fprog program = {0, filter};
  program.len = (unsigned short)n;
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

void sandbox_forbid(const long *calls, size_t count, int number) {
  install(calls, count, number ? SECCOMP_RET_ERRNO | (unsigned)number : SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
}

void sandbox_allow_only(const long *calls, size_t count) {
  install(calls, count, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
}

void sandbox_forbid_children(void) {
  static const long calls[] = {
      SYS_clone,
#ifdef SYS_clone3
      SYS_clone3,
#endif
#ifdef SYS_fork
      SYS_fork,
      SYS_vfork,
#endif
  };
  sandbox_forbid(calls, sizeof calls / sizeof calls[0], 0);
}
