# Cross build for Windows x64 with Debian's gcc-mingw-w64-x86-64: cmake --preset mingw
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

# OpenSSL and libcurl, cross-built by script/windows-deps. Without them (or with OFF) plugin and keyguardctl are left out.
if("${KEYGUARD_WINDOWS_DEPS}" STREQUAL "")
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../script/windows-deps --cached
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(KEYGUARD_WINDOWS_DEPS "${found}" CACHE STRING "Prefix of OpenSSL and libcurl for Windows, or OFF" FORCE)
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES KEYGUARD_WINDOWS_DEPS)

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 ${KEYGUARD_WINDOWS_DEPS})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Nothing of the build machine's own libraries.
set(ENV{PKG_CONFIG_LIBDIR} "${KEYGUARD_WINDOWS_DEPS}/lib/pkgconfig")
set(PKG_CONFIG_ARGN --static)
