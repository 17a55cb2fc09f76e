// One body, several instruction sets.
#pragma once

#include <stdint.h>

// The function is compiled for x86-64-v4 (AVX-512), v3 (AVX2 and FMA) and the baseline; the dynamic linker picks one.
#if defined(__x86_64__) && defined(__linux__)
#define TRAINER_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TRAINER_CLONES
#endif

#define TRAINER_INLINE static inline __attribute__((always_inline))

// Before a loop over registers, whose number of rounds is constant where it is inlined.
#define TRAINER_UNROLL _Pragma("clang loop unroll(full)")

// Sixteen floats at any address: one AVX-512 register, two of AVX2.
typedef float floats16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t ints16 __attribute__((vector_size(64), aligned(4)));
