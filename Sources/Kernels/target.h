// What every kernel file includes first: the contract on arithmetic, and which architecture this is.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "include/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define KERNELS_X86 1
#elif defined(__aarch64__)
#include <arm_neon.h>
#define KERNELS_NEON 1
#endif

// A multiplication and an addition are two roundings unless the code says `fma`.
#pragma STDC FP_CONTRACT OFF

#define KERNEL_INLINE static inline __attribute__((always_inline))

// Tiles keep their accumulators in registers: loops over them are unrolled whole.
#define UNROLL _Pragma("clang loop unroll(full)")

// Independent chains in a loop that measures a tier's peak: enough for two instructions a cycle with a latency of six, and few
// enough for 16 registers.
enum { PEAK_CHAINS = 12 };
