// Matrix products with a right side that is packed once and used many times: the weights of a recurrent layer, which every
// step of a sequence is multiplied by. A general product would pack them anew each time, which at these sizes costs a third
// of it.
#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

enum { lanes = 16, panel = TRAINER_PANEL, row_tile = 6 };

#define LOAD(p) (*(const floats16 *)(p))

void trainer_pack_panel(const float *matrix, ptrdiff_t depth, ptrdiff_t depth_stride, ptrdiff_t columns,
                        ptrdiff_t column_stride, float *packed) {
  for (ptrdiff_t k = 0; k < depth; k++, packed += panel) {
    const float *row = matrix + k * depth_stride;
    for (ptrdiff_t column = 0; column < columns; column++) packed[column] = row[column * column_stride];
    memset(packed + columns, 0, (size_t)(panel - columns) * sizeof(float));
  }
}

// A tile of the product: `rows` × `vectors` · 16. Sums stay in registers: rows · vectors of them.
TRAINER_INLINE void tile(int rows, int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *b,
                         float *c, ptrdiff_t c_stride, int adding) {
  floats16 sums[row_tile][panel / lanes];
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) sums[r][v] = adding ? LOAD(c + r * c_stride + v * lanes) : (floats16){0};
  }
  for (ptrdiff_t k = 0; k < depth; k++, b += panel) {
    floats16 right[panel / lanes];
    for (int v = 0; v < vectors; v++) right[v] = LOAD(b + v * lanes);
    for (int r = 0; r < rows; r++) {
      float left = a[r * a_stride + k];
      for (int v = 0; v < vectors; v++) sums[r][v] += right[v] * left;
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) *(floats16 *)(c + r * c_stride + v * lanes) = sums[r][v];
  }
}

// The number of rows as a constant.
TRAINER_INLINE void rows_of_panel(ptrdiff_t rows, int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
                                  const float *b, float *c, ptrdiff_t c_stride, int adding) {
  for (; rows > 0; rows -= row_tile, a += row_tile * a_stride, c += row_tile * c_stride) {
    switch (rows) {
#define ROWS(n) case n: tile(n, vectors, depth, a, a_stride, b, c, c_stride, adding); break;
      ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5)
#undef ROWS
      default: tile(row_tile, vectors, depth, a, a_stride, b, c, c_stride, adding);
    }
  }
}

// Without AVX-512 a vector of sixteen takes two or four registers, of which there are sixteen or thirty-two: one vector at a
// time then, a whole panel with it.
#if defined(__x86_64__)
// Named by its features, for "arch=x86-64-v4" would also ask for vectors of half the width.
__attribute__((target("avx512f,avx512vl,fma"), min_vector_width(512))) static void wide(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *b, float *c, ptrdiff_t c_stride,
    int adding) {
  rows_of_panel(rows, panel / lanes, depth, a, a_stride, b, c, c_stride, adding);
}
#endif

TRAINER_CLONES static void narrow(ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *b,
                                  float *c, ptrdiff_t c_stride, int adding) {
  for (int v = 0; v < panel; v += lanes) rows_of_panel(rows, 1, depth, a, a_stride, b + v, c + v, c_stride, adding);
}

static void panel_product(ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *b, float *c,
                          ptrdiff_t c_stride, int adding) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    wide(rows, depth, a, a_stride, b, c, c_stride, adding);
    return;
  }
#endif
  narrow(rows, depth, a, a_stride, b, c, c_stride, adding);
}

void trainer_packed_product(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
                            const float *packed, ptrdiff_t panel_stride, float *c, ptrdiff_t c_stride, int adding) {
  for (; columns >= panel; columns -= panel, packed += panel_stride, c += panel) {
    panel_product(rows, depth, a, a_stride, packed, c, c_stride, adding);
  }
  if (columns == 0) return;
  // The last panel's columns that are none are computed aside.
  for (; rows > 0; rows -= row_tile, a += row_tile * a_stride, c += row_tile * c_stride) {
    float part[row_tile * panel];
    ptrdiff_t count = rows < row_tile ? rows : row_tile;
    size_t bytes = (size_t)columns * sizeof(float);
    for (ptrdiff_t r = 0; r < count; r++) {
      if (adding) memcpy(part + r * panel, c + r * c_stride, bytes);
    }
    panel_product(count, depth, a, a_stride, packed, part, panel, adding);
    for (ptrdiff_t r = 0; r < count; r++) memcpy(c + r * c_stride, part + r * panel, bytes);
  }
}
