/* Where the files are that belong to keyguardctl: KG_PLUGIN_DIR and KG_MODULE_PATH, chosen by the build. */
#ifndef KG_CTL_INSTALLED_H
#define KG_CTL_INSTALLED_H

#ifdef _WIN32
/* There is no fixed folder of installation: all that belongs together lies beside keyguardctl.exe. Borrowed. */
const char *kg_installed_folder(void);
const char *kg_installed_module(void);
#define KG_PLUGIN_DIR kg_installed_folder()
#define KG_MODULE_PATH kg_installed_module()
#endif

#endif
