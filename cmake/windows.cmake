# What the Windows build adds to cmake/keyguard.cmake, for mingw-w64 and MSVC alike.
target_compile_definitions(kg_common INTERFACE _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX
  _CRT_SECURE_NO_WARNINGS)
if(MINGW)
  # C99's printf instead of the old Microsoft runtime's, and nothing to be shipped beside our own files.
  target_compile_definitions(kg_common INTERFACE __USE_MINGW_ANSI_STDIO=1)
  target_link_options(kg_common INTERFACE -static -fstack-protector-strong -Wl,--nxcompat,--dynamicbase,--high-entropy-va)
elseif(MSVC)
  target_compile_options(kg_common INTERFACE /utf-8 /experimental:c11atomics)
  target_link_options(kg_common INTERFACE /guard:cf /HIGHENTROPYVA)
endif()

# The OASIS text is not at hand (KEYGUARD_PKCS11_HEADERS): p11-kit's header alone, no library of it.
if(NOT KEYGUARD_PKCS11_HEADERS)
  find_path(KG_P11KIT_HEADERS p11-kit/pkcs11.h PATHS /usr/include/p11-kit-1 NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  target_include_directories(kg_common SYSTEM INTERFACE ${KG_P11KIT_HEADERS})
endif()

# The plugin and keyguardctl need OpenSSL and libcurl; module, key store and their tests do not.
if(KEYGUARD_WINDOWS_DEPS OR DEFINED VCPKG_TARGET_TRIPLET)
  set(KEYGUARD_WIRE ON)
else()
  set(KEYGUARD_WIRE OFF)
  message(WARNING "SKIPPED: imds.dll and keyguardctl.exe, because OpenSSL and libcurl for Windows are not there; "
    "script/windows-deps builds them")
endif()
