// Tables of bytes by vpermi2b, which looks up 128 entries in two vectors at once.
#pragma once

#define VS8_TABLE
#include "avx512.h"

typedef struct {
  __m512i part[4];
} vs8_table;

KERNEL_INLINE vs8_table vs8_table_load(const int8_t *entries) {
  vs8_table table;
  UNROLL for (size_t i = 0; i < 4; i++) table.part[i] = _mm512_loadu_si512(entries + 64 * i);
  return table;
}
KERNEL_INLINE vs8 vs8_lookup(const vs8_table *table, vs8 x) {
  // Entry x + 128. The low seven bits are the place in a half; x is negative in the first.
  const __m512i first = _mm512_permutex2var_epi8(table->part[0], x, table->part[1]);
  const __m512i second = _mm512_permutex2var_epi8(table->part[2], x, table->part[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), second, first);
}
