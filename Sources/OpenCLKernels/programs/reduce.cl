// Sums over rows, in two steps of fixed order: parts, then the sum of the parts. And the packing of weights for products.

// parts[part] [columns] = Σ over the part's rows of values [rows, columns]. Work-items: vectors of columns, parts.
kernel void column_sums(global const float *values, ulong values_offset, global float *parts, ulong parts_offset, int rows,
                        int columns, int part_rows) {
  SLICE(values), SLICE(parts);
  int column = get_global_id(0) * VEC;
  int part = get_global_id(1);
  if (column >= columns) return;
  int last = min((part + 1) * part_rows, rows);
  floatv sum = 0;
  for (int row = part * part_rows; row < last; row++) sum += LOADV(values + (size_t)row * columns + column);
  store_lanes(sum, columns - column, parts + (size_t)part * columns + column);
}

// column_sums of gradient · f′, which replaces the gradient; f cuts its argument to [low, high], and `values` are what it gave.
kernel void cut_gradient_sums(global const float *values, ulong values_offset, global float *gradient,
                              ulong gradient_offset, global float *parts, ulong parts_offset, int rows, int columns,
                              int part_rows, float low, float high) {
  SLICE(values), SLICE(gradient), SLICE(parts);
  int column = get_global_id(0) * VEC;
  int part = get_global_id(1);
  if (column >= columns) return;
  int last = min((part + 1) * part_rows, rows);
  floatv sum = 0;
  for (int row = part * part_rows; row < last; row++) {
    size_t place = (size_t)row * columns + column;
    floatv v = LOADV(values + place);
    floatv g = LOADV(gradient + place) * select((floatv)0, (floatv)1, v > low && v < high);
    sum += g;
    store_lanes(g, columns - column, gradient + place);
  }
  store_lanes(sum, columns - column, parts + (size_t)part * columns + column);
}

// result [count] = Σ parts [number, count].
kernel void sum_parts(global const float *parts, ulong parts_offset, global float *result, ulong result_offset, int number,
                      int count) {
  SLICE(parts), SLICE(result);
  int i = get_global_id(0);
  if (i >= count) return;
  float sum = 0;
  for (int part = 0; part < number; part++) sum += parts[(size_t)part * count + i];
  result[i] = sum;
}

// parts[i] = Σ x² over `part_count` elements.
kernel void sum_of_squares(global const float *values, ulong values_offset, global float *parts, ulong parts_offset,
                           int count, int part_count) {
  SLICE(values), SLICE(parts);
  int part = get_global_id(0);
  int first = part * part_count;
  if (first >= count) return;
  int last = min(first + part_count, count);
  floatv sums = 0;
  int i = first;
  for (; i + VEC <= last; i += VEC) {
    floatv x = LOADV(values + i);
    sums += x * x;
  }
#if VEC == 1
  parts[part] = sums;
#else
  float all[VEC];
  STOREV(sums, all);
  float sum = 0;
  for (int lane = 0; lane < VEC; lane++) sum += all[lane];
  for (; i < last; i++) sum += values[i] * values[i];
  parts[part] = sum;
#endif
}

#if VEC > 1
// Half of two vectors' lanes, in turns.
#if VEC == 16
#define ZIP_LOW(a, b)                                                                                             \
  (floatv)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define ZIP_HIGH(a, b)                                                                                            \
  (floatv)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
#elif VEC == 8
#define ZIP_LOW(a, b) (floatv)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define ZIP_HIGH(a, b) (floatv)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#else
#define ZIP_LOW(a, b) (floatv)(a.s0, b.s0, a.s1, b.s1)
#define ZIP_HIGH(a, b) (floatv)(a.s2, b.s2, a.s3, b.s3)
#endif

// Transposes: each round moves one bit from the number of a row to that of a lane, and one back.
static inline void transpose(floatv rows[VEC]) {
#pragma unroll
  for (int size = VEC; size > 1; size /= 2) {
    floatv next[VEC];
#pragma unroll
    for (int i = 0; i < VEC / 2; i++) {
      next[2 * i] = ZIP_LOW(rows[i], rows[i + VEC / 2]);
      next[2 * i + 1] = ZIP_HIGH(rows[i], rows[i + VEC / 2]);
    }
#pragma unroll
    for (int i = 0; i < VEC; i++) rows[i] = next[i];
  }
}
#endif

// See opencl_packing. Work-items: vectors of columns with the padding of the last panel, which becomes 0; PACK_DEPTH
// elements of depth; groups.
#define PACK_DEPTH 16
kernel void pack(global const float *restrict source, ulong source_offset, global float *restrict packed,
                 ulong packed_offset, opencl_packing packing, int group_source, int group_packed) {
  SLICE(source), SLICE(packed);
  int n = get_global_id(0) * VEC;
  int k = get_global_id(1) * PACK_DEPTH;
  int panel = n / packing.panel;
  int width = (packing.columns + packing.panel - 1) / packing.panel * packing.panel;
  if (n >= width) return;
  int last = min(k + PACK_DEPTH, packing.depth);
  int outer = k / packing.inner;
  int inner = k - outer * packing.inner;
  int middle = outer % packing.middle;
  outer /= packing.middle;
  int exist = packing.columns - n;
  source += (size_t)get_global_id(2) * group_source + packing.first + n * packing.column_pitch;
  packed += (size_t)get_global_id(2) * group_packed + (size_t)panel * packing.depth * packing.panel + n -
            panel * packing.panel;
  while (k < last) {
    global const float *from =
        source + outer * packing.outer_pitch + middle * packing.middle_pitch + inner * packing.inner_pitch;
    int step = 1;
#if VEC > 1
    if (packing.inner_pitch == 1 && exist >= VEC && k + VEC <= last && inner + VEC <= packing.inner) {
      floatv block[VEC];
#pragma unroll
      for (int lane = 0; lane < VEC; lane++) block[lane] = LOADV(from + lane * packing.column_pitch);
      transpose(block);
#pragma unroll
      for (int i = 0; i < VEC; i++) store_lanes(block[i], width - n, packed + (size_t)(k + i) * packing.panel);
      step = VEC;
    } else if (packing.column_pitch == 1 && exist >= VEC) {
      store_lanes(LOADV(from), width - n, packed + (size_t)k * packing.panel);
    } else
#endif
    {
      float all[VEC];
      for (int lane = 0; lane < VEC; lane++) all[lane] = lane < exist ? from[lane * packing.column_pitch] : 0;
      store_lanes(LOADV(all), width - n, packed + (size_t)k * packing.panel);
    }
    k += step;
    inner += step;
    if (inner >= packing.inner) {
      inner = 0;
      if (++middle == packing.middle) {
        middle = 0;
        outer++;
      }
    }
  }
}
