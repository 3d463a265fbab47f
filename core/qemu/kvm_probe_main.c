/*
 * kvm-probe: exits 0 if a VM of one instruction runs under KVM, else 1, and prints a line that says
 * why. A program of its own, since KVM can hang: whoever calls it gives it a second.
 */
#include <stdio.h>
#include <unistd.h>

#include "qemu/cpu.h"
#include "qemu/kvm_probe.h"

enum { LAST_RESORT_SECONDS = 5 };

int main(void) {
  alarm(LAST_RESORT_SECONDS); /* in case nobody waits */
  if (!kv_cpu_has_virt()) {
    puts("the processor has neither svm nor vmx");
    return 1;
  }
  kv_error error;
  if (kv_kvm_run_one(&error) < 0) {
    puts(error.message);
    return 1;
  }
  puts("a VM ran under KVM");
  return 0;
}
