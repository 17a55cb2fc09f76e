// The loop of all s16_gemm kernels. Needs a simd/…_words.h header before it.
//
// A tile holds `tile_rows` × `vectors`·LANES sums in registers, as f32_igemm_tile. Sums wrap: they are exact modulo 2^32.
#pragma once

enum { S16_GEMM_MOST_ROWS = 16, S16_GEMM_MOST_VECTORS = 4 };

// As in f32_igemm.h: weights of large layers come from memory.
enum { S16_GEMM_AHEAD = 2048, S16_GEMM_LINE = 32 };

// Rows 0 ..< a->rows ≤ tile_rows of one panel. Rows that the caller did not ask for repeat the last one and are not stored.
KERNEL_INLINE void s16_gemm_tile(const s16_gemm_arguments *a, size_t vectors, size_t tile_rows, const int16_t *weights,
                                 int32_t *output) {
  const size_t step = vectors * LANES * S16_KR;
  vs32 sums[S16_GEMM_MOST_ROWS * S16_GEMM_MOST_VECTORS];
  const int16_t *rows[S16_GEMM_MOST_ROWS];
  UNROLL for (size_t r = 0; r < tile_rows; r++) {
    rows[r] = a->inputs + (r < a->rows ? r : a->rows - 1) * a->input_stride;
    UNROLL for (size_t v = 0; v < vectors; v++) sums[r * vectors + v] = vs32_set(0);
  }
  for (size_t k = 0; k < a->depth; k += S16_KR, weights += step) {
    s16_weights w[S16_GEMM_MOST_VECTORS];
    UNROLL for (size_t v = 0; v < vectors; v++) {
      const int16_t *vector = weights + v * LANES * S16_KR;
      w[v] = s16_load_weights(vector);
      if (v * LANES * S16_KR % S16_GEMM_LINE == 0) __builtin_prefetch(vector + S16_GEMM_AHEAD);
    }
    UNROLL for (size_t r = 0; r < tile_rows; r++) {
      const s16_inputs x = s16_broadcast(rows[r] + k);
      UNROLL for (size_t v = 0; v < vectors; v++) sums[r * vectors + v] = s16_dot(sums[r * vectors + v], x, w[v]);
    }
  }
  UNROLL for (size_t r = 0; r < tile_rows; r++) {
    if (r < a->rows) {
      UNROLL for (size_t v = 0; v < vectors; v++) {
        vs32_store(output + r * a->output_stride + v * LANES, sums[r * vectors + v]);
      }
    }
  }
}

KERNEL_INLINE void s16_gemm_rows(const s16_gemm_arguments *a, size_t vectors, size_t tile_rows) {
  const size_t nr = vectors * LANES;
  const size_t panel = nr * ((a->depth + S16_KR - 1) / S16_KR * S16_KR);
  const int16_t *weights = a->weights;
  for (size_t column = 0; column < a->columns; column += nr, weights += panel) {
    s16_gemm_tile(a, vectors, tile_rows, weights, a->output + column);
  }
}

// A kernel of up to `mr` rows and `vectors`·LANES columns: both constants, known where this is inlined.
KERNEL_INLINE void s16_gemm(const s16_gemm_arguments *arguments, size_t mr, size_t vectors) {
  const s16_gemm_arguments a = *arguments;
  if (a.rows <= (mr + 3) / 4) {
    s16_gemm_rows(&a, vectors, (mr + 3) / 4);
  } else if (a.rows <= (mr + 1) / 2) {
    s16_gemm_rows(&a, vectors, (mr + 1) / 2);
  } else {
    s16_gemm_rows(&a, vectors, mr);
  }
}
