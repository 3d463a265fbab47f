/* The least that a guest can do: as its /init, switches the machine off. */
#include <sys/reboot.h>

int main(void) {
  reboot(RB_POWER_OFF);
  return 1;
}
