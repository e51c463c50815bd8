# Two interface targets that every one of our own targets links: what the compiler warns of, and how the result is hardened.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(kg_warnings INTERFACE)
target_compile_options(kg_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-align -Wwrite-strings -Wformat=2 -Wvla -Wundef $<$<BOOL:${KEYGUARD_WERROR}>:-Werror>)

add_library(kg_hardening INTERFACE)
target_compile_options(kg_hardening INTERFACE -fstack-protector-strong)
target_link_options(kg_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
if(NOT KEYGUARD_SANITIZE)
  target_compile_options(kg_hardening INTERFACE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(kg_hardening INTERFACE -Wl,-z,defs)
else()
  add_compile_options(-fsanitize=${KEYGUARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KEYGUARD_SANITIZE})
endif()

# Every source names its headers from the project's root: "core/status.h", "keyguard/cryptoki.h".
add_library(kg_common INTERFACE)
target_include_directories(kg_common INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(kg_common INTERFACE _POSIX_C_SOURCE=200809L KEYGUARD_VERSION="${PROJECT_VERSION}")
target_link_libraries(kg_common INTERFACE kg_warnings kg_hardening)
if(KEYGUARD_PKCS11_HEADERS)
  target_include_directories(kg_common SYSTEM INTERFACE ${KEYGUARD_PKCS11_HEADERS})
  target_compile_definitions(kg_common INTERFACE KEYGUARD_OASIS_HEADERS)
endif()
