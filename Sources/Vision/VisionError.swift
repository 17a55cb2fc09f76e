/// Why an image could not be read or written. `image` is the file's path, or what the caller called the bytes.
public enum VisionError: Error, Equatable, Sendable {
  /// The system would not give the file: `reason` is its own text.
  case cannotRead(image: String, reason: String)
  case empty(image: String)
  /// The first bytes are of no kind of file that can be read here.
  case unknownKind(image: String, found: String)
  /// The bytes end before the picture does.
  case truncated(image: String, expected: String, found: String)
  /// The bytes break the rules of their own kind of file.
  case corrupt(image: String, expected: String, found: String)
  /// A correct file of a kind that is not read here.
  case unsupported(image: String, expected: String, found: String)
  /// More pixels, memory or work than an image may take.
  case tooLarge(image: String, expected: String, found: String)
  case outOfMemory(image: String)
  /// A JPEG, in a build without libjpeg.
  case jpegNotBuiltIn(image: String)
  case cannotEncode(reason: String)
}

extension VisionError {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .cannotRead(let image, let reason): "\(image): cannot read: \(reason)"
    case .empty(let image): "\(image): expected an image, found an empty file"
    case .unknownKind(let image, let found): "\(image): expected a JPEG, PPM or PGM image, found \(found)"
    case .truncated(let image, let expected, let found):
      "\(image): truncated: expected \(expected), found \(found)"
    case .corrupt(let image, let expected, let found): "\(image): expected \(expected), found \(found)"
    case .unsupported(let image, let expected, let found): "\(image): expected \(expected), found \(found)"
    case .tooLarge(let image, let expected, let found): "\(image): too large: expected \(expected), found \(found)"
    case .outOfMemory(let image): "\(image): out of memory"
    case .jpegNotBuiltIn(let image): "\(image): expected a PPM or PGM image, found a JPEG"
    case .cannotEncode(let reason): "cannot encode the image: \(reason)"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .empty, .truncated, .corrupt: "the file is damaged: copy or take the picture again"
    case .unknownKind, .unsupported: "convert it to an ordinary 8-bit JPEG, PPM or PGM"
    case .tooLarge: "make the picture smaller first"
    case .jpegNotBuiltIn: "this build reads PPM and PGM only: convert the picture, or build with libjpeg"
    case .cannotRead, .outOfMemory, .cannotEncode: nil
    }
  }
}
