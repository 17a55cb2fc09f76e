// Which instructions this CPU, and the operating system under us, can run.
#include "target.h"

#if KERNELS_X86
#include <cpuid.h>
#elif KERNELS_NEON
#include <sys/auxv.h>
#endif

static const char *const names[KERNELS_ISA_COUNT] = {
    [kernels_isa_scalar] = "scalar", [kernels_isa_avx2] = "avx2",
    [kernels_isa_avxvnni] = "avxvnni", [kernels_isa_avx512] = "avx512",
    [kernels_isa_avx512vnni] = "avx512vnni", [kernels_isa_avx512vbmi] = "avx512vbmi",
    [kernels_isa_neon] = "neon", [kernels_isa_neondot] = "neondot",
    [kernels_isa_neoni8mm] = "neoni8mm",
};

// The tier that each one extends; its own for scalar.
static const kernels_isa bases[KERNELS_ISA_COUNT] = {
    [kernels_isa_scalar] = kernels_isa_scalar, [kernels_isa_avx2] = kernels_isa_scalar,
    [kernels_isa_avxvnni] = kernels_isa_avx2, [kernels_isa_avx512] = kernels_isa_avx2,
    [kernels_isa_avx512vnni] = kernels_isa_avx512, [kernels_isa_avx512vbmi] = kernels_isa_avx512vnni,
    [kernels_isa_neon] = kernels_isa_scalar, [kernels_isa_neondot] = kernels_isa_neon,
    [kernels_isa_neoni8mm] = kernels_isa_neondot,
};

const char *kernels_isa_name(kernels_isa isa) { return names[isa]; }

bool kernels_isa_named(const char *name, kernels_isa *result) {
  for (int i = 0; i < KERNELS_ISA_COUNT; i++) {
    if (strcmp(name, names[i]) == 0) {
      *result = (kernels_isa)i;
      return true;
    }
  }
  return false;
}

bool kernels_isa_includes(kernels_isa isa, kernels_isa part) {
  while (isa != part && isa != kernels_isa_scalar) isa = bases[isa];
  return isa == part;
}

#if KERNELS_X86

// The register sets that the operating system saves (XCR0). Only after CPUID has told that the instruction is there.
static uint64_t saved_registers(void) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

bool kernels_isa_supported(kernels_isa isa) {
  if (isa == kernels_isa_scalar) return true;
  if (kernels_isa_includes(isa, kernels_isa_neon)) return false;

  enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28 };                                   // leaf 1, ecx
  enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 };          // leaf 7.0, ebx
  const uint32_t AVX512VL = UINT32_C(1) << 31;                                                // leaf 7.0, ebx
  enum { AVX512VBMI = 1 << 1, AVX512VNNI = 1 << 11 };                                         // leaf 7.0, ecx
  enum { AVXVNNI = 1 << 4 };                                                                  // leaf 7.1, eax
  enum { YMM_SAVED = 0x06, ZMM_SAVED = 0xE6 };

  uint32_t a, b, c, d;
  const uint32_t base = FMA | OSXSAVE | AVX;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & base) != base) return false;
  const uint64_t saved = saved_registers();
  if ((saved & YMM_SAVED) != YMM_SAVED) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & AVX2)) return false;
  if (isa == kernels_isa_avx2) return true;

  if (isa == kernels_isa_avxvnni) return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVXVNNI);

  const uint32_t wide = AVX512F | AVX512DQ | AVX512BW | AVX512VL;
  if ((saved & ZMM_SAVED) != ZMM_SAVED || (b & wide) != wide) return false;
  if (isa == kernels_isa_avx512) return true;
  return (c & AVX512VNNI) && (isa == kernels_isa_avx512vnni || (c & AVX512VBMI));
}

#elif KERNELS_NEON

bool kernels_isa_supported(kernels_isa isa) {
  enum { ASIMDDP = 1 << 20 };  // AT_HWCAP
  enum { I8MM = 1 << 13 };     // AT_HWCAP2
  const bool dot = getauxval(AT_HWCAP) & ASIMDDP;
  switch (isa) {
    case kernels_isa_scalar:
    case kernels_isa_neon:
      return true;
    case kernels_isa_neondot:
      return dot;
    case kernels_isa_neoni8mm:
      return dot && (getauxval(AT_HWCAP2) & I8MM);
    default:
      return false;
  }
}

#else

bool kernels_isa_supported(kernels_isa isa) { return isa == kernels_isa_scalar; }

#endif

kernels_isa kernels_best_isa(void) {
  static const kernels_isa preference[] = {kernels_isa_avx512vbmi, kernels_isa_avx512vnni, kernels_isa_avx512,
                                           kernels_isa_avxvnni,    kernels_isa_avx2,       kernels_isa_neoni8mm,
                                           kernels_isa_neondot,    kernels_isa_neon};
  for (size_t i = 0; i < sizeof preference / sizeof *preference; i++) {
    if (kernels_isa_supported(preference[i])) return preference[i];
  }
  return kernels_isa_scalar;
}
