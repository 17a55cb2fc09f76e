// JPEG through libjpeg, with its errors turned into values: nothing here exits, prints, or keeps state between calls.
//
// Built with EDGERUN_NO_JPEG defined (a target without libjpeg), every call gives JPEG_CODEC_ABSENT.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum __attribute__((enum_extensibility(closed))) {
  JPEG_CODEC_OK = 0,
  JPEG_CODEC_TRUNCATED,    // the bytes end, or a scan's data ends, before the picture does
  JPEG_CODEC_CORRUPT,      // not what the JPEG standard allows
  JPEG_CODEC_UNSUPPORTED,  // a kind of JPEG that libjpeg does not read: lossless, 12 bits, …
  JPEG_CODEC_TOO_LARGE,    // would take more memory or more scans than the codec's limits
  JPEG_CODEC_NO_MEMORY,
  JPEG_CODEC_ABSENT,
} jpeg_codec_status;

// What a message needs at most, with the final zero.
#define JPEG_CODEC_MESSAGE_SIZE 200

// A progressive file may hold any number of scans, each of which visits the whole picture: real ones have about ten.
#define JPEG_CODEC_MAX_SCANS 100

// Bytes that libjpeg may take for its own buffers. Only multi-scan files, whose coefficients must all be kept, come
// near it: 64 megapixels with halved colour resolution need 192 MiB.
#define JPEG_CODEC_MAX_MEMORY (256 << 20)

typedef struct {
  uint32_t width;   // pixels, before scaling
  uint32_t height;  // pixels, before scaling
  int channels;     // that `jpeg_codec_decode` gives: 1 (grey) or 3 (red, green, blue)
} jpeg_codec_header;

// Reads the header of the JPEG in `bytes`.
//
// `grey` asks for brightness alone: then `channels` is 1 for every file whose colour space stores it apart (grey,
// YCbCr), and 3 for the others, which the caller has to convert. Without it, `channels` is 1 only for a grey file.
// On failure `message` holds libjpeg's text.
jpeg_codec_status jpeg_codec_read_header(const uint8_t *_Nonnull bytes, size_t count, bool grey,
                                         jpeg_codec_header *_Nonnull header,
                                         char message[_Nonnull JPEG_CODEC_MESSAGE_SIZE]);

// Decodes the JPEG in `bytes` at `eighths`/8 of its size (1...8; each side rounded up) into `pixels`, rows from top to
// bottom without padding, `channels` (as `jpeg_codec_read_header` told for the same `grey`) bytes per pixel. CMYK
// becomes RGB. `capacity`, in bytes, must be enough for the scaled picture.
//
// The bits are the same on every CPU: exact integer transform, no smoothing. Damage that libjpeg can step over (stray
// bytes between segments) is accepted; data that ends early is not.
jpeg_codec_status jpeg_codec_decode(const uint8_t *_Nonnull bytes, size_t count, bool grey, int eighths,
                                    uint8_t *_Nonnull pixels, size_t capacity,
                                    char message[_Nonnull JPEG_CODEC_MESSAGE_SIZE]);

// Encodes `width` × `height` pixels of 1 or 3 interleaved channels at `quality` (1...100) and hands over the file's
// bytes, to be freed with `jpeg_codec_free`.
jpeg_codec_status jpeg_codec_encode(const uint8_t *_Nonnull pixels, uint32_t width, uint32_t height, int channels,
                                    int quality, bool progressive, uint8_t *_Nullable *_Nonnull bytes,
                                    size_t *_Nonnull count, char message[_Nonnull JPEG_CODEC_MESSAGE_SIZE]);
void jpeg_codec_free(uint8_t *_Nullable bytes);

#ifdef __cplusplus
}
#endif
