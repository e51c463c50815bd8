/* What makes a file trusted: who may change it. */
#ifndef KG_CORE_OS_TRUST_H
#define KG_CORE_OS_TRUST_H

enum kg_file_trust {
  KG_TRUST_ANY = 0,
  KG_TRUST_SHARED,  /* any owner, but not writable by group or others, nor is any folder above */
  KG_TRUST_OWNER,   /* regular file, owned by root or us, not writable by group or others, nor is any folder above */
  KG_TRUST_GRANTED, /* the same, and not readable by others; by its group only where it is root's, who chose the group
                     */
  KG_TRUST_PRIVATE  /* not readable by group or others, whoever owns it */
};

#endif
