// The loop of all qs8_igemm and qs8_f32_igemm kernels. Needs a simd/ header and these definitions before it:
// - QS8_KR: how many consecutive k one step takes;
// - qs8_inputs, `qs8_inputs qs8_broadcast(const int8_t *)` QS8_KR inputs of one row for all lanes, and
//   `qs8_broadcast_n(const int8_t *, size_t n)` with n < QS8_KR of them, the others anything finite;
// - if QS8_WIDENS is defined, QS8_RUN, `void qs8_widen(const int8_t *, int16_t *)`, that many inputs of one row as s16, and
//   `qs8_inputs qs8_broadcast_words(const int16_t *)`, QS8_KR of them for all lanes;
// - qs8_weights, `qs8_weights qs8_load_weights(const int8_t *)` QS8_KR weights for each of LANES columns;
// - `vs32 qs8_dot(vs32 sums, qs8_inputs, qs8_weights)`;
// - QS8_INPUT_BIAS: what qs8_broadcast adds to each input;
// - if QS8_PAIRS is defined, products take QS8_ROWS rows at once, a group, or one row. QS8_ROWS vectors then hold the sums
//   of LANES columns of a group, a vector of weights is LANES / QS8_ROWS columns, and instead of qs8_broadcast,
//   qs8_broadcast_n and qs8_dot there are, of groups of `count` rows,
//   `qs8_inputs qs8_rows_load(const int8_t *const *rows, size_t k, size_t count)`, QS8_KR inputs of each from k on,
//   `qs8_rows_load_n(rows, k, n, count)`, n < QS8_KR of them, the others anything finite,
//   `vs32 qs8_rows_dot(vs32 sums, qs8_inputs, qs8_weights, size_t count)`,
//   `void qs8_rows_begin(vs32 head, size_t count, vs32 *sums)`, first sums [QS8_ROWS], `head` in all rows, and
//   `void qs8_rows_end(vs32 *sums, size_t vectors, size_t count)`, which makes of [vectors][QS8_ROWS] sums those of each
//   row, [count][vectors], of one or two vectors of columns.
// The simd/ header has the epilogue of a pair of vectors, in which the columns lie such that narrowing to bytes puts them
// in order: pair_load, pair_in_order, pair_store_s8. A panel of two vectors whose columns fit into one has them there, in
// plain order (packing.c): layers of few channels cost half.
#pragma once

enum { QS8_IGEMM_MOST_ROWS = 16, QS8_IGEMM_MOST_VECTORS = 8 };

// Vectors of sums that hide the latency of a product: few rows take several panels side by side.
enum { QS8_LEAST_SUMS = 8 };

#ifndef QS8_PAIRS
enum { QS8_ROWS = 1 };
KERNEL_INLINE void qs8_rows_begin(vs32 head, size_t count, vs32 *sums) {
  (void)count;
  sums[0] = head;
}
KERNEL_INLINE void qs8_rows_end(vs32 *sums, size_t vectors, size_t count) { (void)sums, (void)vectors, (void)count; }
#endif

// What static and dynamic quantization have in common.
typedef struct {
  size_t rows, columns, taps, depth;
  const int8_t *const *inputs;
  const int8_t *weights;
  // What the first sums are made of besides the packed head: head × factor (see `qs8_igemm_tile`).
  int32_t head_factor;
  const float *multipliers, *bias;  // no bias in static quantization: it is in the head
} qs8_igemm_shape;

// Puts away the sums of one row in a pair of vectors, or in one: `n` ≥ 1 columns (all when n is larger), beginning at
// `column`. `scales` and `bias` are in the order of the sums.
typedef void (*qs8_igemm_store)(const void *arguments, size_t vectors, const vf32 *scales, const vf32 *bias, size_t row,
                                size_t column, size_t n, const vs32 *sums);

// Vectors of weights, and of sums of a group of rows.
KERNEL_INLINE size_t qs8_igemm_width(size_t vectors, size_t panels) { return panels * vectors * QS8_ROWS; }

KERNEL_INLINE qs8_weights qs8_igemm_weights(const int8_t *weights, size_t v, size_t vectors, size_t panel_size) {
  const size_t each = vectors * QS8_ROWS;
  return qs8_load_weights(weights + v / each * panel_size + v % each * (LANES / QS8_ROWS * QS8_KR));
}

// Adds the products of `n` inputs of each row, from `k` on: QS8_KR if `whole`, or fewer.
#ifdef QS8_PAIRS
KERNEL_INLINE void qs8_igemm_step(vs32 *sums, const int8_t *const *rows, size_t k, size_t n, bool whole,
                                  const int8_t *weights, size_t vectors, size_t tile_rows, size_t group, size_t panels,
                                  size_t panel_size) {
  const size_t width = qs8_igemm_width(vectors, panels);
  // Few groups of rows meet many vectors of weights: these are loaded one by one, or registers would not do for all.
  qs8_inputs x[QS8_IGEMM_MOST_ROWS / QS8_ROWS];
  UNROLL for (size_t r = 0; r < tile_rows; r += group) {
    x[r / group] = whole ? qs8_rows_load(rows + r, k, group) : qs8_rows_load_n(rows + r, k, n, group);
  }
  UNROLL for (size_t v = 0; v < width; v++) {
    const qs8_weights w = qs8_igemm_weights(weights, v, vectors, panel_size);
    UNROLL for (size_t g = 0; g < tile_rows / group; g++) {
      sums[g * width + v] = qs8_rows_dot(sums[g * width + v], x[g], w, group);
    }
  }
}
#else
KERNEL_INLINE void qs8_igemm_load_weights(qs8_weights *w, const int8_t *weights, size_t vectors, size_t panels,
                                          size_t panel_size) {
  UNROLL for (size_t v = 0; v < panels * vectors; v++) w[v] = qs8_igemm_weights(weights, v, vectors, panel_size);
}
KERNEL_INLINE void qs8_igemm_add(vs32 *sums, qs8_inputs x, const qs8_weights *w, size_t width) {
  UNROLL for (size_t v = 0; v < width; v++) sums[v] = qs8_dot(sums[v], x, w[v]);
}
KERNEL_INLINE void qs8_igemm_step(vs32 *sums, const int8_t *const *rows, size_t k, size_t n, bool whole,
                                  const int8_t *weights, size_t vectors, size_t tile_rows, size_t group, size_t panels,
                                  size_t panel_size) {
  (void)group;
  const size_t width = qs8_igemm_width(vectors, panels);
  qs8_weights w[QS8_IGEMM_MOST_VECTORS];
  qs8_igemm_load_weights(w, weights, vectors, panels, panel_size);
  UNROLL for (size_t r = 0; r < tile_rows; r++) {
    qs8_igemm_add(sums + r * width, whole ? qs8_broadcast(rows[r] + k) : qs8_broadcast_n(rows[r] + k, n), w, width);
  }
}
#endif

// Whether a whole step is left. An address of AArch64 is a pointer and either an index or a displacement, so that every row
// takes an addition in every step unless the loop counts by k alone.
KERNEL_INLINE bool qs8_igemm_goes_on(size_t k, size_t depth) {
#if KERNELS_NEON
  return k < depth / QS8_KR * QS8_KR;
#else
  return k + QS8_KR <= depth;
#endif
}

// Adds to the sums the products of a tap, `depth` inputs of each row, and gives what lies behind its weights.
KERNEL_INLINE const int8_t *qs8_igemm_tap(vs32 *sums, const int8_t *const *rows, size_t depth, const int8_t *weights,
                                          size_t nr, size_t vectors, size_t tile_rows, size_t group, size_t panels,
                                          size_t panel_size) {
  size_t k = 0;
#ifdef QS8_WIDENS
  const size_t width = qs8_igemm_width(vectors, panels);
  // Through memory, because a load alone broadcasts a pair of words, which in registers takes two instructions more.
  _Alignas(64) int16_t words[QS8_IGEMM_MOST_ROWS * QS8_RUN];
  for (; k + QS8_RUN <= depth; k += QS8_RUN) {
    UNROLL for (size_t r = 0; r < tile_rows; r++) qs8_widen(rows[r] + k, words + r * QS8_RUN);
    // Unrolled, words would be taken from registers.
    _Pragma("clang loop unroll(disable)") for (size_t i = 0; i < QS8_RUN; i += QS8_KR, weights += nr * QS8_KR) {
      qs8_weights w[QS8_IGEMM_MOST_VECTORS];
      qs8_igemm_load_weights(w, weights, vectors, panels, panel_size);
      UNROLL for (size_t r = 0; r < tile_rows; r++) {
        qs8_igemm_add(sums + r * width, qs8_broadcast_words(words + r * QS8_RUN + i), w, width);
      }
    }
  }
#endif
  for (; qs8_igemm_goes_on(k, depth); k += QS8_KR, weights += nr * QS8_KR) {
    qs8_igemm_step(sums, rows, k, QS8_KR, true, weights, vectors, tile_rows, group, panels, panel_size);
  }
  if (k == depth) return weights;
  qs8_igemm_step(sums, rows, k, depth - k, false, weights, vectors, tile_rows, group, panels, panel_size);
  return weights + nr * QS8_KR;
}

// As f32_igemm_tile. The packed head of a panel is the bias for static quantization, and for dynamic quantization the
// sum of each column's weights, which times minus the input's zero point gives the first sums.
KERNEL_INLINE void qs8_igemm_tile(const qs8_igemm_shape *a, const void *arguments, qs8_igemm_store store, size_t mr,
                                  size_t nr, size_t vectors, size_t tile_rows, size_t panels, size_t panel_size,
                                  const int8_t *weights, size_t column) {
  const size_t group = tile_rows < QS8_ROWS ? tile_rows : QS8_ROWS;
  const size_t width = qs8_igemm_width(vectors, panels);
  vs32 sums[QS8_IGEMM_MOST_ROWS * QS8_IGEMM_MOST_VECTORS];
  UNROLL for (size_t v = 0; v < panels * vectors; v++) {
    vs32 head = vs32_load((const int32_t *)(weights + v / vectors * panel_size) + v % vectors * LANES);
    head = vs32_mul(head, vs32_set(a->head_factor));
    vs32 first[QS8_ROWS];
    qs8_rows_begin(head, group, first);
    UNROLL for (size_t g = 0; g < tile_rows / group; g++) {
      UNROLL for (size_t i = 0; i < QS8_ROWS; i++) sums[g * width + v * QS8_ROWS + i] = first[i];
    }
  }
  weights += nr * sizeof(int32_t);
  const int8_t *const *inputs = a->inputs;
  for (size_t tap = 0; tap < a->taps; tap++, inputs += mr) {
    const int8_t *rows[QS8_IGEMM_MOST_ROWS];
    UNROLL for (size_t r = 0; r < tile_rows; r++) rows[r] = inputs[r < a->rows ? r : a->rows - 1];
    weights = qs8_igemm_tap(sums, rows, a->depth, weights, nr, vectors, tile_rows, group, panels, panel_size);
  }
  const size_t together = panels * vectors == 1 ? 1 : 2;
  UNROLL for (size_t v = 0; v < panels * vectors; v += together) {
    const size_t first = column + v * LANES;
    if (first >= a->columns) break;
    vf32 scales[2], bias[2] = {vf32_set(0), vf32_set(0)};
    if (together == 1) {
      scales[0] = vf32_load(a->multipliers + first);
      if (a->bias) bias[0] = vf32_load(a->bias + first);
    } else {
      pair_load(a->multipliers + first, scales);
      if (a->bias) pair_load(a->bias + first, bias);
    }
    UNROLL for (size_t r = 0; r < tile_rows; r++) {
      vs32 *row = sums + r / group * width + v * QS8_ROWS;
      if (r % group == 0) qs8_rows_end(row, together, group);
      if (r < a->rows) store(arguments, together, scales, bias, r, first, a->columns - first, row + r % group * together);
    }
  }
}

KERNEL_INLINE void qs8_igemm_rows(const qs8_igemm_shape *a, const void *arguments, qs8_igemm_store store, size_t mr,
                                  size_t vectors, size_t tile_rows) {
  const size_t nr = vectors * LANES;
  const size_t steps = (a->depth + QS8_KR - 1) / QS8_KR;
  const size_t panel_size = nr * (sizeof(int32_t) + a->taps * steps * QS8_KR);
  const int8_t *weights = a->weights;
  size_t column = 0;
  const size_t sums = (tile_rows < QS8_ROWS ? QS8_ROWS : tile_rows) * vectors;
  const size_t panels = sums < QS8_LEAST_SUMS ? QS8_LEAST_SUMS / sums : 1;
  if (panels > 1) {
    for (; a->columns - column >= panels * nr; column += panels * nr, weights += panels * panel_size) {
      qs8_igemm_tile(a, arguments, store, mr, nr, vectors, tile_rows, panels, panel_size, weights, column);
    }
  }
  for (; column < a->columns; column += nr, weights += panel_size) {
    if (vectors == 2 && a->columns - column <= LANES) {
      qs8_igemm_tile(a, arguments, store, mr, nr, 1, tile_rows, 1, panel_size, weights, column);
    } else {
      qs8_igemm_tile(a, arguments, store, mr, nr, vectors, tile_rows, 1, panel_size, weights, column);
    }
  }
}

// Rows of a tile that has `rows` of its own: whole groups.
KERNEL_INLINE size_t qs8_igemm_whole(size_t rows) { return (rows + QS8_ROWS - 1) / QS8_ROWS * QS8_ROWS; }

KERNEL_INLINE void qs8_igemm_any(const qs8_igemm_shape *a, const void *arguments, qs8_igemm_store store, size_t mr,
                                 size_t vectors) {
  const size_t quarter = qs8_igemm_whole((mr + 3) / 4), half = qs8_igemm_whole((mr + 1) / 2);
  if (a->rows == 1) {
    qs8_igemm_rows(a, arguments, store, mr, vectors, 1);
  } else if (a->rows <= quarter) {
    qs8_igemm_rows(a, arguments, store, mr, vectors, quarter);
  } else if (a->rows <= half) {
    qs8_igemm_rows(a, arguments, store, mr, vectors, half);
  } else {
    qs8_igemm_rows(a, arguments, store, mr, vectors, mr);
  }
}

KERNEL_INLINE void qs8_igemm_store_vector(int8_t *output, size_t n, vs32 q) {
  if (n >= LANES) {
    vs32_store_s8(output, q);
  } else {
    vs32_store_s8_n(output, q, n);
  }
}

KERNEL_INLINE void qs8_igemm_store_s8(const void *arguments, size_t vectors, const vf32 *scales, const vf32 *bias,
                                      size_t row, size_t column, size_t n, const vs32 *sums) {
  (void)bias;
  const qs8_igemm_arguments *a = arguments;
  int8_t *output = a->output + row * a->output_stride + column;
  if (vectors == 1) {
    qs8_igemm_store_vector(output, n, qs8_requantized(&a->requantization, scales[0], sums[0]));
  } else {
    pair_store_s8(output, &a->requantization, scales, sums, n);
  }
}

// With a residual. By way of a buffer of its own: the residual may lie where the output goes, and part of a vector, once
// stored, could not be loaded again at once.
KERNEL_INLINE void qs8_igemm_store_sum(const void *arguments, size_t vectors, const vf32 *scales, const vf32 *bias,
                                       size_t row, size_t column, size_t n, const vs32 *sums) {
  (void)bias;
  const qs8_igemm_arguments *a = arguments;
  int8_t *output = a->output + row * a->output_stride + column;
  const int8_t *residual = a->residual + row * a->residual_stride + column;
  if (vectors == 1) {
    const vs32 other = n >= LANES ? vs32_load_s8(residual) : vs32_load_s8_n(residual, n);
    const vs32 result = qs8_requantized(&a->requantization, scales[0], sums[0]);
    qs8_igemm_store_vector(output, n, qs8_sum(&a->addition, result, other));
    return;
  }
  int8_t q[2 * LANES];
  pair_store_s8(q, &a->requantization, scales, sums, 2 * LANES);
  UNROLL for (size_t v = 0; v < 2; v++, output += LANES, residual += LANES) {
    const vs32 result = vs32_load_s8(q + v * LANES);
    if (n >= (v + 1) * LANES) {
      vs32_store_s8(output, qs8_sum(&a->addition, result, vs32_load_s8(residual)));
    } else if (n > v * LANES) {
      const size_t some = n - v * LANES;
      vs32_store_s8_n(output, qs8_sum(&a->addition, result, vs32_load_s8_n(residual, some)), some);
    }
  }
}

KERNEL_INLINE void qs8_igemm_store_f32(const void *arguments, size_t vectors, const vf32 *scales, const vf32 *bias,
                                       size_t row, size_t column, size_t n, const vs32 *sums) {
  const qs8_f32_igemm_arguments *a = arguments;
  const qs8_dequantization *d = &a->dequantization;
  float *output = a->output + row * a->output_stride + column;
  const float *residual = a->residual ? a->residual + row * a->residual_stride + column : NULL;
  vf32 y[2];
  UNROLL for (size_t v = 0; v < vectors; v++) {
    y[v] = vf32_add(vf32_mul(vf32_from_s32(sums[v]), scales[v]), bias[v]);
  }
  if (vectors == 2) pair_in_order(y);
  UNROLL for (size_t v = 0; v < vectors; v++) {
    if (n >= (v + 1) * LANES) {
      if (residual) y[v] = vf32_add(y[v], vf32_load(residual + v * LANES));
      vf32_store(output + v * LANES, vf32_clamp(y[v], d->minimum, d->maximum));
    } else if (n > v * LANES) {
      const size_t some = n - v * LANES;
      if (residual) y[v] = vf32_add(y[v], vf32_load_n(residual + v * LANES, some));
      vf32_store_n(output + v * LANES, vf32_clamp(y[v], d->minimum, d->maximum), some);
    }
  }
}

// The arguments are copied: a store of s8 could otherwise change them, as far as the compiler knows, and every one of them
// would be loaded again for every store.

// Static quantization, a kernel of up to `mr` rows and `vectors`·LANES columns.
KERNEL_INLINE void qs8_igemm(const qs8_igemm_arguments *arguments, size_t mr, size_t vectors) {
  const qs8_igemm_arguments a = *arguments;
  const qs8_igemm_shape shape = {a.rows, a.columns, a.taps, a.depth, a.inputs, a.weights, 1,
                                 a.requantization.multipliers, NULL};
  // Two loops, so that the one without a residual, which is the rule, carries nothing of it.
  if (a.residual) {
    qs8_igemm_any(&shape, &a, qs8_igemm_store_sum, mr, vectors);
  } else {
    qs8_igemm_any(&shape, &a, qs8_igemm_store_s8, mr, vectors);
  }
}

// Dynamic quantization.
KERNEL_INLINE void qs8_f32_igemm(const qs8_f32_igemm_arguments *arguments, size_t mr, size_t vectors) {
  const qs8_f32_igemm_arguments a = *arguments;
  const int32_t factor = -(a.dequantization.input_zero_point + QS8_INPUT_BIAS);
  const qs8_igemm_shape shape = {a.rows, a.columns, a.taps, a.depth, a.inputs, a.weights, factor,
                                 a.dequantization.multipliers, a.dequantization.bias};
  qs8_igemm_any(&shape, &a, qs8_igemm_store_f32, mr, vectors);
}
