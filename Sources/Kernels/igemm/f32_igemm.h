// The loop of all f32_igemm kernels. Needs a simd/ header before it.
//
// A tile holds `tile_rows` × `panels`·`vectors`·LANES sums in registers; each k costs one load per vector of weights, one
// broadcast per row, and one FMA per sum.
#pragma once

enum { F32_IGEMM_MOST_ROWS = 16, F32_IGEMM_MOST_VECTORS = 8 };

// Weights are fetched this many floats before they are used, a cache line at a time: those of large layers come from
// memory, and the machine's own prefetching stops at every page. (One row is nothing but loads; it does better alone.)
enum { F32_IGEMM_AHEAD = 1024, F32_IGEMM_LINE = 16 };

// Puts away vector `v` of each row, of which the first n ≥ 1 lanes count. What is the same for all rows is decided once: a
// choice for each vector would cost shallow products as much as their sums.
KERNEL_INLINE void f32_igemm_store(const f32_igemm_arguments *a, size_t tile_rows, size_t width, size_t v, size_t column,
                                   size_t n, const vf32 *sums) {
  const vf32 low = vf32_set(a->minimum), high = vf32_set(a->maximum);
  const size_t rows = a->rows, stride = a->output_stride, residual_stride = a->residual_stride;
  float *output = a->output + column;
  const float *residual = a->residual ? a->residual + column : NULL;
  if (n >= LANES && !residual) {
    UNROLL for (size_t r = 0; r < tile_rows; r++, output += stride) {
      if (r < rows) vf32_store(output, vf32_clamp_between(sums[r * width + v], low, high));
    }
  } else if (n >= LANES) {
    UNROLL for (size_t r = 0; r < tile_rows; r++, output += stride, residual += residual_stride) {
      if (r >= rows) continue;
      const vf32 sum = vf32_add(sums[r * width + v], vf32_load(residual));
      vf32_store(output, vf32_clamp_between(sum, low, high));
    }
  } else {
    UNROLL for (size_t r = 0; r < tile_rows; r++, output += stride) {
      if (r >= rows) continue;
      vf32 sum = sums[r * width + v];
      if (residual) sum = vf32_add(sum, vf32_load_n(residual + r * residual_stride, n));
      vf32_store_n(output, vf32_clamp_between(sum, low, high), n);
    }
  }
}

// Rows 0 ..< a->rows ≤ tile_rows of `panels` panels, of nr columns each, of which the first `vectors`·LANES are computed.
// Rows that the caller did not ask for repeat the last one and are not stored.
KERNEL_INLINE void f32_igemm_tile(const f32_igemm_arguments *a, size_t mr, size_t nr, size_t vectors, size_t tile_rows,
                                  size_t panels, size_t panel_size, const float *weights, size_t column) {
  const size_t width = panels * vectors;
  vf32 sums[F32_IGEMM_MOST_ROWS * F32_IGEMM_MOST_VECTORS];
  UNROLL for (size_t r = 0; r < tile_rows; r++) {
    UNROLL for (size_t v = 0; v < width; v++) {
      sums[r * width + v] = vf32_load(weights + v / vectors * panel_size + v % vectors * LANES);
    }
  }
  weights += nr;
  const float *const *inputs = a->inputs;
  for (size_t tap = 0; tap < a->taps; tap++, inputs += mr) {
    const float *rows[F32_IGEMM_MOST_ROWS];
    UNROLL for (size_t r = 0; r < tile_rows; r++) rows[r] = inputs[r < a->rows ? r : a->rows - 1];
    const size_t depth = a->depth;
    for (size_t k = 0; k < depth; k++, weights += nr) {
      vf32 w[F32_IGEMM_MOST_VECTORS];
      UNROLL for (size_t v = 0; v < width; v++) {
        w[v] = vf32_load(weights + v / vectors * panel_size + v % vectors * LANES);
      }
      UNROLL for (size_t v = 0; v < width * LANES && tile_rows > 1; v += F32_IGEMM_LINE) {
        __builtin_prefetch(weights + v / nr * panel_size + v % nr + F32_IGEMM_AHEAD);
      }
      UNROLL for (size_t r = 0; r < tile_rows; r++) {
        vf32 x = vf32_set(rows[r][k]);
        UNROLL for (size_t v = 0; v < width; v++) sums[r * width + v] = vf32_fma(x, w[v], sums[r * width + v]);
      }
    }
  }
  const size_t n = a->columns - column;
  UNROLL for (size_t v = 0; v < width; v++) {
    if (v * LANES < n) f32_igemm_store(a, tile_rows, width, v, column + v * LANES, n - v * LANES, sums);
  }
}

#ifdef VF32_HALVES
// The same for LANES + n columns, n at most half a vector: two rows share a vector for the columns beyond the first.
KERNEL_INLINE void f32_igemm_pairs(const f32_igemm_arguments *a, size_t mr, size_t nr, size_t tile_rows,
                                   const float *weights, size_t column) {
  vf32 sums[F32_IGEMM_MOST_ROWS], shared[F32_IGEMM_MOST_ROWS / 2];
  UNROLL for (size_t r = 0; r < tile_rows; r++) sums[r] = vf32_load(weights);
  UNROLL for (size_t r = 0; r < tile_rows; r += 2) shared[r / 2] = vf32_load_half_twice(weights + LANES);
  weights += nr;
  const float *const *inputs = a->inputs;
  for (size_t tap = 0; tap < a->taps; tap++, inputs += mr) {
    const float *rows[F32_IGEMM_MOST_ROWS];
    UNROLL for (size_t r = 0; r < tile_rows; r++) rows[r] = inputs[r < a->rows ? r : a->rows - 1];
    const size_t depth = a->depth;
    for (size_t k = 0; k < depth; k++, weights += nr) {
      const vf32 w = vf32_load(weights), half = vf32_load_half_twice(weights + LANES);
      UNROLL for (size_t r = 0; r < tile_rows; r += 2) {
        const vf32 x = vf32_set(rows[r][k]);
        sums[r] = vf32_fma(x, w, sums[r]);
        sums[r + 1] = vf32_fma(vf32_set(rows[r + 1][k]), w, sums[r + 1]);
        shared[r / 2] = vf32_fma(vf32_set_upper(x, rows[r + 1] + k), half, shared[r / 2]);
      }
    }
  }
  f32_igemm_store(a, tile_rows, 1, 0, column, LANES, sums);
  UNROLL for (size_t r = 0; r < tile_rows; r += 2) {
    sums[r] = shared[r / 2];
    sums[r + 1] = vf32_upper(shared[r / 2]);
  }
  f32_igemm_store(a, tile_rows, 1, 0, column + LANES, a->columns - column - LANES, sums);
}
#endif

KERNEL_INLINE void f32_igemm_rows(const f32_igemm_arguments *a, size_t mr, size_t vectors, size_t tile_rows) {
  const size_t nr = vectors * LANES;
  const size_t panel_size = nr * (1 + a->taps * a->depth);
  const float *weights = a->weights;
  size_t column = 0;
  // Few rows give too few sums to hide the latency of an FMA: take several panels side by side.
  const size_t panels = tile_rows * vectors < 8 ? 8 / (tile_rows * vectors) : 1;
  if (panels > 1) {
    for (; a->columns - column >= panels * nr; column += panels * nr, weights += panels * panel_size) {
      f32_igemm_tile(a, mr, nr, vectors, tile_rows, panels, panel_size, weights, column);
    }
  }
  for (; a->columns - column > nr / 2; column += nr, weights += panel_size) {
#ifdef VF32_HALVES
    if (tile_rows == mr && a->columns - column <= nr / 2 + LANES / 2) {
      f32_igemm_pairs(a, mr, nr, tile_rows, weights, column);
      return;
    }
#endif
    f32_igemm_tile(a, mr, nr, vectors, tile_rows, 1, panel_size, weights, column);
    if (a->columns - column <= nr) return;
  }
  // At most half a panel is left, and half its vectors hold it.
  if (column < a->columns) {
    f32_igemm_tile(a, mr, nr, vectors / 2, tile_rows, 1, panel_size, weights, column);
  }
}

// A kernel of up to `mr` rows and `vectors`·LANES columns: both constants, known where this is inlined.
KERNEL_INLINE void f32_igemm(const f32_igemm_arguments *a, size_t mr, size_t vectors) {
  if (a->rows == 1) {
    f32_igemm_rows(a, mr, vectors, 1);
  } else if (a->rows <= (mr + 3) / 4) {
    f32_igemm_rows(a, mr, vectors, (mr + 3) / 4);
  } else if (a->rows <= (mr + 1) / 2) {
    f32_igemm_rows(a, mr, vectors, (mr + 1) / 2);
  } else {
    f32_igemm_rows(a, mr, vectors, mr);
  }
}
