// What all programs share. It stands, after opencl_arguments.h, before each of them.
//
// VEC: lanes of a vector, 16 on CPUs with AVX-512, 8 on others, 1 on GPUs, where work-items beside each other take
// elements beside each other.
//
// A slice is a pointer to a buffer's start and the number of elements before the slice. Buffers have VEC elements and more
// behind their last, so that a vector may be read where only its first lanes are wanted.

#if VEC == 1
typedef float floatv;
typedef int intv;
#define LOADV(p) (*(p))
#define STOREV(x, p) (*(p) = (x))
#else
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
typedef JOIN(float, VEC) floatv;
typedef JOIN(int, VEC) intv;
#define LOADV(p) JOIN(vload, VEC)(0, p)
#define STOREV(x, p) JOIN(vstore, VEC)(x, 0, p)
#endif

#define SLICE(p) p += p##_offset

// Store the first `lanes` lanes.
static inline void store_lanes(floatv x, int lanes, global float *p) {
  if (lanes >= VEC) {
    STOREV(x, p);
    return;
  }
#if VEC > 1
  float all[VEC];
  STOREV(x, all);
  for (int i = 0; i < lanes; i++) p[i] = all[i];
#endif
}

static inline void store_int_lanes(intv x, int lanes, global int *p) {
  if (lanes >= VEC) {
    STOREV(x, p);
    return;
  }
#if VEC > 1
  int all[VEC];
  STOREV(x, all);
  for (int i = 0; i < lanes; i++) p[i] = all[i];
#endif
}

// 0, 1, 2 …
static inline intv lane_numbers() {
#if VEC == 1
  return 0;
#else
  int all[VEC];
  for (int lane = 0; lane < VEC; lane++) all[lane] = lane;
  return LOADV(all);
#endif
}

// The place of an output pixel's window in its image: the first tap's row and column, and the image.
typedef struct {
  int image, y, x;
} place;

static inline place place_of(int pixel, int output_height, int output_width, int stride_height, int stride_width, int top,
                      int left) {
  place result;
  int row = pixel / output_width;
  result.image = row / output_height;
  result.y = (row - result.image * output_height) * stride_height - top;
  result.x = (pixel - row * output_width) * stride_width - left;
  return result;
}

#define PLACE(pixel, p) \
  place_of(pixel, (p).output_height, (p).output_width, (p).stride_height, (p).stride_width, (p).top, (p).left)
