typedef int jpeg_placeholder;
