/* Where we are: which machine, and which of its boots. Each is free()d by the caller; NULL: unknown. */
#ifndef KG_CORE_OS_MACHINE_H
#define KG_CORE_OS_MACHINE_H

/* Hexadecimal SHA-256 of a fixed text and /etc/machine-id, which machine-id(5) asks us not to show as it is. */
char *kg_machine_id(void);
/* /proc/sys/kernel/random/boot_id (random(4)): another one after each start, the same in all containers of a kernel. */
char *kg_boot_id(void);

#endif
