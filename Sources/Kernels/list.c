// The one list of kernels: dispatch, tests and benchmarks iterate over it.
#include <stdlib.h>

#include "target.h"

// A line per kernel: member of kernel_function, family, name without tier, tier, mr, nr, kr, taps, input_bias,
// block_vectors. Of several kernels of one family and tier, `kernels_best` takes the first.
#define SCALAR_KERNELS(KERNEL)                                                               \
  KERNEL(f32_igemm, f32_igemm, f32_igemm_4x4, scalar, 4, 4, 1, 0, 0, 1)                      \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_4x4c2, scalar, 4, 4, 2, 0, 0, 1)                    \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_4x4c2, scalar, 4, 4, 2, 0, 0, 1)        \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_1x4, scalar, 1, 4, 1, 0, 0, 1)                   \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x8c2, scalar, 1, 8, 2, 9, 0, 1)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x8c2, scalar, 1, 8, 2, 9, 0, 1) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x8c2, scalar, 1, 8, 2, 0, 0, 1)                 \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x8c2, scalar, 1, 8, 2, 0, 0, 1)     \
  ELEMENTWISE_KERNELS(KERNEL, scalar)                                                        \
  WINOGRAD_KERNELS(KERNEL, scalar)                                                           \
  QS8_WINOGRAD_KERNELS(KERNEL, scalar)                                                       \
  KERNEL(s16_gemm, s16_gemm, s16_gemm_4x4c2, scalar, 4, 4, 2, 0, 0, 1)                       \
  KERNEL(s8_lookup_softmax, s8_lookup_softmax, s8_lookup_softmax, scalar, 1, 1, 1, 0, 0, 1)

// Those that come in one file per tier.
#define ELEMENTWISE_KERNELS(KERNEL, isa)                                        \
  KERNEL(f32_maxpool, f32_maxpool, f32_maxpool, isa, 1, 1, 1, 0, 0, 1)          \
  KERNEL(s8_maxpool, s8_maxpool, s8_maxpool, isa, 1, 1, 1, 0, 0, 1)             \
  KERNEL(f32_avgpool, f32_avgpool, f32_avgpool, isa, 1, 1, 1, 0, 0, 1)          \
  KERNEL(qs8_avgpool, qs8_avgpool, qs8_avgpool, isa, 1, 1, 1, 0, 0, 1)          \
  KERNEL(f32_mean, f32_mean, f32_mean, isa, 1, 1, 1, 0, 0, 1)                   \
  KERNEL(qs8_mean, qs8_mean, qs8_mean, isa, 1, 1, 1, 0, 0, 1)                   \
  KERNEL(f32_add, f32_add, f32_add, isa, 1, 1, 1, 0, 0, 1)                      \
  KERNEL(qs8_add, qs8_add, qs8_add, isa, 1, 1, 1, 0, 0, 1)                      \
  KERNEL(f32_multiply, f32_multiply, f32_multiply, isa, 1, 1, 1, 0, 0, 1)       \
  KERNEL(qs8_multiply, qs8_multiply, qs8_multiply, isa, 1, 1, 1, 0, 0, 1)       \
  KERNEL(f32_clamp, f32_clamp, f32_clamp, isa, 1, 1, 1, 0, 0, 1)                \
  KERNEL(f32_leaky_relu, f32_leaky_relu, f32_leaky_relu, isa, 1, 1, 1, 0, 0, 1) \
  KERNEL(f32_map, f32_sigmoid, f32_sigmoid, isa, 1, 1, 1, 0, 0, 1)              \
  KERNEL(f32_map, f32_tanh, f32_tanh, isa, 1, 1, 1, 0, 0, 1)                    \
  KERNEL(f32_map, f32_hard_sigmoid, f32_hard_sigmoid, isa, 1, 1, 1, 0, 0, 1)    \
  KERNEL(f32_map, f32_hard_swish, f32_hard_swish, isa, 1, 1, 1, 0, 0, 1)        \
  KERNEL(f32_map, f32_gelu, f32_gelu, isa, 1, 1, 1, 0, 0, 1)                    \
  KERNEL(f32_map, f32_silu, f32_silu, isa, 1, 1, 1, 0, 0, 1)                    \
  KERNEL(f32_map, f32_softmax, f32_softmax, isa, 1, 1, 1, 0, 0, 1)              \
  KERNEL(f32_range, f32_range, f32_range, isa, 1, 1, 1, 0, 0, 1)                \
  KERNEL(f32_quantize, f32_quantize, f32_quantize, isa, 1, 1, 1, 0, 0, 1)       \
  KERNEL(s8_dequantize, s8_dequantize, s8_dequantize, isa, 1, 1, 1, 0, 0, 1)    \
  KERNEL(f32_cell, f32_rnn_cell, f32_rnn_cell, isa, 1, 1, 1, 0, 0, 1)           \
  KERNEL(f32_cell, f32_lstm_cell, f32_lstm_cell, isa, 1, 1, 1, 0, 0, 1)         \
  KERNEL(f32_cell, f32_gru_cell, f32_gru_cell, isa, 1, 1, 1, 0, 0, 1)           \
  KERNEL(f32_bilinear, f32_bilinear, f32_bilinear, isa, 1, 1, 1, 0, 0, 1)       \
  KERNEL(qs8_bilinear, qs8_bilinear, qs8_bilinear, isa, 1, 1, 1, 0, 0, 1)       \
  KERNEL(s8_lookup, s8_lookup, s8_lookup, isa, 1, 1, 1, 0, 0, 1)

#define WINOGRAD_KERNELS(KERNEL, isa)                                                          \
  KERNEL(f32_winograd_input, f32_winograd_input, f32_winograd_input, isa, 1, 1, 1, 0, 0, 1)    \
  KERNEL(f32_winograd_output, f32_winograd_output, f32_winograd_output, isa, 1, 1, 1, 0, 0, 1)

#define QS8_WINOGRAD_KERNELS(KERNEL, isa)                                                      \
  KERNEL(qs8_winograd_input, qs8_winograd_input, qs8_winograd_input, isa, 1, 1, 1, 0, 0, 1)    \
  KERNEL(qs8_winograd_output, qs8_winograd_output, qs8_winograd_output, isa, 1, 1, 1, 0, 0, 1)

#define AVX2_KERNELS(KERNEL)                                                                  \
  KERNEL(f32_igemm, f32_igemm, f32_igemm_6x16, avx2, 6, 16, 1, 0, 0, 1)                       \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_6x16c2, avx2, 6, 16, 2, 0, 0, 2)                     \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_6x16c2, avx2, 6, 16, 2, 0, 0, 2)         \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_3x3_1x8, avx2, 1, 8, 1, 9, 0, 1)                  \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_5x5_1x8, avx2, 1, 8, 1, 25, 0, 1)                 \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_1x16, avx2, 1, 16, 1, 0, 0, 1)                    \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x16c2, avx2, 1, 16, 2, 9, 0, 2)              \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x16c2, avx2, 1, 16, 2, 9, 0, 2)  \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_5x5_1x16c2, avx2, 1, 16, 2, 25, 0, 2)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_5x5_1x16c2, avx2, 1, 16, 2, 25, 0, 2) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x16c2, avx2, 1, 16, 2, 0, 0, 2)                  \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x16c2, avx2, 1, 16, 2, 0, 0, 2)      \
  ELEMENTWISE_KERNELS(KERNEL, avx2)                                                           \
  WINOGRAD_KERNELS(KERNEL, avx2)                                                              \
  QS8_WINOGRAD_KERNELS(KERNEL, avx2)                                                          \
  KERNEL(s16_gemm, s16_gemm, s16_gemm_6x16c2, avx2, 6, 16, 2, 0, 0, 1)
#define AVXVNNI_KERNELS(KERNEL)                                                                   \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_6x16c4, avxvnni, 6, 16, 4, 0, 128, 2)                    \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_6x16c4, avxvnni, 6, 16, 4, 0, 128, 2)        \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x32c4, avxvnni, 1, 32, 4, 9, 128, 4)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x32c4, avxvnni, 1, 32, 4, 9, 128, 4) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x32c4, avxvnni, 1, 32, 4, 0, 128, 4)                 \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x32c4, avxvnni, 1, 32, 4, 0, 128, 4)
#define AVX512_KERNELS(KERNEL)                                                                  \
  KERNEL(f32_igemm, f32_igemm, f32_igemm_14x32, avx512, 14, 32, 1, 0, 0, 1)                     \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_14x32c2, avx512, 14, 32, 2, 0, 0, 2)                   \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_14x32c2, avx512, 14, 32, 2, 0, 0, 2)       \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_3x3_1x32, avx512, 1, 32, 1, 9, 0, 1)                \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_3x3_1x16, avx512, 1, 16, 1, 9, 0, 1)                \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_5x5_1x16, avx512, 1, 16, 1, 25, 0, 1)               \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_1x32, avx512, 1, 32, 1, 0, 0, 1)                    \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x32c2, avx512, 1, 32, 2, 9, 0, 2)              \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x32c2, avx512, 1, 32, 2, 9, 0, 2)  \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_5x5_1x32c2, avx512, 1, 32, 2, 25, 0, 2)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_5x5_1x32c2, avx512, 1, 32, 2, 25, 0, 2) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x32c2, avx512, 1, 32, 2, 0, 0, 2)                  \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x32c2, avx512, 1, 32, 2, 0, 0, 2)      \
  ELEMENTWISE_KERNELS(KERNEL, avx512)                                                           \
  WINOGRAD_KERNELS(KERNEL, avx512)                                                              \
  QS8_WINOGRAD_KERNELS(KERNEL, avx512)                                                          \
  KERNEL(s16_gemm, s16_gemm, s16_gemm_14x32c2, avx512, 14, 32, 2, 0, 0, 1)
#define AVX512VNNI_KERNELS(KERNEL)                                                                    \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_14x32c4, avx512vnni, 14, 32, 4, 0, 128, 2)                   \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_14x32c4, avx512vnni, 14, 32, 4, 0, 128, 2)       \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x64c4, avx512vnni, 1, 64, 4, 9, 128, 4)              \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x64c4, avx512vnni, 1, 64, 4, 9, 128, 4)  \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_5x5_1x64c4, avx512vnni, 1, 64, 4, 25, 128, 4)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_5x5_1x64c4, avx512vnni, 1, 64, 4, 25, 128, 4) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x64c4, avx512vnni, 1, 64, 4, 0, 128, 4)                  \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x64c4, avx512vnni, 1, 64, 4, 0, 128, 4)
#define AVX512VBMI_KERNELS(KERNEL) KERNEL(s8_lookup, s8_lookup, s8_lookup, avx512vbmi, 1, 1, 1, 0, 0, 1)
#define NEON_KERNELS(KERNEL)                                                                 \
  KERNEL(f32_igemm, f32_igemm, f32_igemm_6x16, neon, 6, 16, 1, 0, 0, 1)                      \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_4x16c4, neon, 4, 16, 4, 0, 0, 1)                    \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_4x16c4, neon, 4, 16, 4, 0, 0, 1)        \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_3x3_1x8, neon, 1, 8, 1, 9, 0, 1)                 \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_5x5_1x4, neon, 1, 4, 1, 25, 0, 1)                \
  KERNEL(f32_dwconv, f32_dwconv, f32_dwconv_1x16, neon, 1, 16, 1, 0, 0, 1)                   \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x16c4, neon, 1, 16, 4, 9, 0, 4)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x16c4, neon, 1, 16, 4, 9, 0, 4) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x16c4, neon, 1, 16, 4, 0, 0, 4)                 \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x16c4, neon, 1, 16, 4, 0, 0, 4)     \
  ELEMENTWISE_KERNELS(KERNEL, neon)                                                          \
  WINOGRAD_KERNELS(KERNEL, neon)                                                             \
  QS8_WINOGRAD_KERNELS(KERNEL, neon)                                                         \
  KERNEL(s16_gemm, s16_gemm, s16_gemm_6x16, neon, 6, 16, 1, 0, 0, 1)
#define NEONDOT_KERNELS(KERNEL)                                                                  \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_6x16c4, neondot, 6, 16, 4, 0, 0, 1)                     \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_6x16c4, neondot, 6, 16, 4, 0, 0, 1)         \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_3x3_1x16c4, neondot, 1, 16, 4, 9, 0, 4)              \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_3x3_1x16c4, neondot, 1, 16, 4, 9, 0, 4)  \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_5x5_1x16c4, neondot, 1, 16, 4, 25, 0, 4)             \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_5x5_1x16c4, neondot, 1, 16, 4, 25, 0, 4) \
  KERNEL(qs8_dwconv, qs8_dwconv, qs8_dwconv_1x16c4, neondot, 1, 16, 4, 0, 0, 4)                  \
  KERNEL(qs8_f32_dwconv, qs8_f32_dwconv, qs8_f32_dwconv_1x16c4, neondot, 1, 16, 4, 0, 0, 4)
#define NEONI8MM_KERNELS(KERNEL)                                              \
  KERNEL(qs8_igemm, qs8_igemm, qs8_igemm_6x16c8, neoni8mm, 6, 16, 8, 0, 0, 1) \
  KERNEL(qs8_f32_igemm, qs8_f32_igemm, qs8_f32_igemm_6x16c8, neoni8mm, 6, 16, 8, 0, 0, 1)

#define X86_KERNELS(KERNEL)  \
  AVX2_KERNELS(KERNEL)       \
  AVXVNNI_KERNELS(KERNEL)    \
  AVX512_KERNELS(KERNEL)     \
  AVX512VNNI_KERNELS(KERNEL) \
  AVX512VBMI_KERNELS(KERNEL)
#define ARM_KERNELS(KERNEL) NEON_KERNELS(KERNEL) NEONDOT_KERNELS(KERNEL) NEONI8MM_KERNELS(KERNEL)

// Those that are compiled here, and those of other architectures, for which weights can be packed all the same.
#if KERNELS_X86
#define NATIVE_KERNELS(KERNEL) SCALAR_KERNELS(KERNEL) X86_KERNELS(KERNEL)
#define FOREIGN_KERNELS(KERNEL) ARM_KERNELS(KERNEL)
#elif KERNELS_NEON
#define NATIVE_KERNELS(KERNEL) SCALAR_KERNELS(KERNEL) ARM_KERNELS(KERNEL)
#define FOREIGN_KERNELS(KERNEL) X86_KERNELS(KERNEL)
#else
#define NATIVE_KERNELS(KERNEL) SCALAR_KERNELS(KERNEL)
#define FOREIGN_KERNELS(KERNEL) X86_KERNELS(KERNEL) ARM_KERNELS(KERNEL)
#endif

#define DECLARE(member, family, name, isa, ...) extern __typeof__(*(member##_function)0) name##__##isa;
NATIVE_KERNELS(DECLARE)

// What a kernel of another architecture has for a function.
static void not_here(void) { abort(); }

#define ENTRY(member_, function_, family_, name_, isa_, mr_, nr_, kr_, taps_, input_bias_, block_vectors_)     \
  {.name = #name_ "__" #isa_,                                                                                  \
   .family = kernel_family_##family_,                                                                          \
   .isa = kernels_isa_##isa_,                                                                                  \
   .mr = mr_, .nr = nr_, .kr = kr_, .taps = taps_, .input_bias = input_bias_, .block_vectors = block_vectors_, \
   .function.member_ = function_},
#define NATIVE(member, family, name, isa, ...) ENTRY(member, name##__##isa, family, name, isa, __VA_ARGS__)
#define FOREIGN(member, ...) ENTRY(member, (member##_function)not_here, __VA_ARGS__)
static const kernel list[] = {NATIVE_KERNELS(NATIVE) FOREIGN_KERNELS(FOREIGN)};

#define COUNT(...) +1
enum { NATIVE_COUNT = 0 NATIVE_KERNELS(COUNT), LIST_COUNT = sizeof list / sizeof *list };

size_t kernels_count(void) { return NATIVE_COUNT; }

const kernel *kernels_at(size_t index) { return &list[index]; }

const kernel *kernels_named(const char *name) {
  for (size_t i = 0; i < kernels_count(); i++) {
    if (strcmp(list[i].name, name) == 0) return &list[i];
  }
  return NULL;
}

const kernel *kernels_best_dwconv(kernels_isa isa, kernel_family family, size_t taps) {
  const kernel *best = NULL;
  for (size_t i = 0; i < LIST_COUNT; i++) {
    const kernel *k = &list[i];
    if (k->family != family || !kernels_isa_includes(isa, k->isa) || (k->taps != 0 && k->taps != taps)) continue;
    const bool higher = best && k->isa != best->isa && kernels_isa_includes(k->isa, best->isa);
    const bool closer = best && k->isa == best->isa && k->taps != 0 && best->taps == 0;
    if (!best || higher || closer) best = k;
  }
  // Every family has a scalar kernel for any taps, so that there is a best one.
  return best;
}

const kernel *kernels_best(kernels_isa isa, kernel_family family) { return kernels_best_dwconv(isa, family, 0); }
