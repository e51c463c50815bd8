/* Windows has no p11-kit; what a KeyGuard key needs is looked at in its place. */
#include "core/os/library_win.h"
#include "ctl/doctor.h"

#include <windows.h>

#include <winternl.h>

/* NtQuerySystemInformation's SystemIsolatedUserModeInformation: the first bit of the first byte says that the secure
 * kernel runs (public symbols of ntdll; not in winternl.h). */
#define ISOLATED_USER_MODE_INFORMATION 165

typedef NTSTATUS NTAPI query_system_information(int class, void *information, ULONG length, ULONG *written);

/* 1 yes, 0 no, -1 this Windows does not tell. */
static int secure_kernel_runs(void) {
  struct kg_library_failure failure;
  void *ntdll = kg_library_open_system(L"ntdll.dll", &failure);
  query_system_information *query = NULL;
  if (ntdll != NULL) query = (query_system_information *)kg_library_find(ntdll, "NtQuerySystemInformation");
  unsigned char information[16] = {0};
  ULONG written = 0;
  if (query == NULL || query(ISOLATED_USER_MODE_INFORMATION, information, sizeof information, &written) != 0) return -1;
  return information[0] & 1;
}

static DWORD number(const char *path, const char *name) {
  DWORD value = 0, size = sizeof value;
  RegGetValueA(HKEY_LOCAL_MACHINE, path, name, RRF_RT_REG_DWORD, NULL, &value, &size);
  return value;
}

void kg_doctor_check_p11kit(struct kg_doctor *doctor) {
  DWORD configured = number("SYSTEM\\CurrentControlSet\\Control\\DeviceGuard", "EnableVirtualizationBasedSecurity");
  int runs = secure_kernel_runs();
  if (runs == 1)
    kg_doctor_ok(doctor, "VBS", "virtualization-based security is running");
  else if (runs == 0)
    kg_doctor_warn(doctor, "VBS", KG_CURE_VBS,
                   "virtualization-based security is not running (%s): no KeyGuard key can be made",
                   configured ? "configured, but not started" : "not configured");
  else
    kg_doctor_warn(doctor, "VBS", KG_CURE_VBS, "Windows does not say whether virtualization-based security is running");
}
