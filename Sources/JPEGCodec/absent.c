// The codec of a target that has no libjpeg.
#ifdef EDGERUN_NO_JPEG

#include "jpeg_codec.h"

static jpeg_codec_status absent(char *message) {
  message[0] = '\0';
  return JPEG_CODEC_ABSENT;
}

jpeg_codec_status jpeg_codec_read_header(const uint8_t *bytes, size_t count, bool grey, jpeg_codec_header *header,
                                         char message[JPEG_CODEC_MESSAGE_SIZE]) {
  return absent(message);
}

jpeg_codec_status jpeg_codec_decode(const uint8_t *bytes, size_t count, bool grey, int eighths, uint8_t *pixels,
                                    size_t capacity, char message[JPEG_CODEC_MESSAGE_SIZE]) {
  return absent(message);
}

jpeg_codec_status jpeg_codec_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality,
                                    bool progressive, uint8_t **bytes, size_t *count,
                                    char message[JPEG_CODEC_MESSAGE_SIZE]) {
  return absent(message);
}

void jpeg_codec_free(uint8_t *bytes) {}

#else
typedef int jpeg_codec_is_built_in;  // ISO C forbids an empty file
#endif
