import Format
import Terminal
import Trainer
import Vision

/// What `look` searches, and for what: pictures that were given, or a sheet of test images and one of them.
struct TemplatePictures {
  private let picture: (image: Image, path: String)?
  private let template: (image: Image, path: String)?

  /// Reads `--picture` and `--template`.
  ///
  /// - Throws: `VisionError`.
  init(_ arguments: Arguments) throws {
    picture = try arguments.string("picture").map { (try Image(path: $0), $0) }
    template = try arguments.string("template").map { (try Image(path: $0), $0) }
  }

  /// Correlates.
  ///
  /// - Parameters:
  ///   - image: the test image that is searched for where no template was given.
  ///   - filters: the first `count` of them are searched for, too.
  /// - Throws: `Problem` if the template that was given is larger than the picture.
  func search(_ data: DataSet, image: Int, filters: LookReport.Filters?, count: Int) throws -> TemplateSearch {
    let channels = data.shape.channels
    let searched = picture?.image.converted(toChannels: channels) ?? data.sheet(from: image)
    var cutOut: TemplateSearch.Match?
    if let template {
      let cut = template.image.converted(toChannels: channels)
      guard let map = Template(cut).correlation(with: searched) else {
        throw Problem(
          "\(template.path): expected at most \(searched.width)x\(searched.height), the picture, found "
            + "\(cut.width)x\(cut.height)")
      }
      cutOut = TemplateSearch.Match(name: "The cut-out \(template.path)", image: cut, map: map)
    } else if picture == nil {
      let cut = data.test.image(image)
      // Safe: it is one of the sheet's.
      cutOut = TemplateSearch.Match(
        name: "Test image \(image)", image: cut, map: Template(cut).correlation(with: searched)!)
    }
    let matches = (0..<min(count, filters?.count ?? 0)).compactMap { index -> TemplateSearch.Match? in
      guard let filters, filters.shape.channels == channels,
        let map = Template(shape: filters.shape, values: filters.values(index)).correlation(with: searched)
      else { return nil }
      return TemplateSearch.Match(name: "filter \(index)", image: filters.image(index), map: map)
    }
    return TemplateSearch(
      picture: searched,
      caption: "The picture is "
        + (picture.map { "\($0.path), \(searched.width) × \(searched.height) pixels." }
          ?? "a sheet of test images of \(data.name)."),
      cutOut: cutOut, filters: matches)
  }
}

extension DataSet {
  /// Test images side by side, in rows, without gaps: about 400 pixels wide, number `first` and those after it.
  fileprivate func sheet(from first: Int) -> Image {
    let columns = min(max(400 / shape.width, 2), 12)
    let rows = min(max(260 / shape.height, 2), 8)
    let (width, rowBytes) = (columns * shape.width, shape.width * shape.channels)
    var pixels = [UInt8](repeating: 0, count: rows * shape.height * width * shape.channels)
    for place in 0..<(rows * columns) {
      // The wanted image is put a third down the sheet, not into its corner.
      let image = test.image((first + place + test.count - columns * rows / 3 % test.count) % test.count)
      for y in 0..<shape.height {
        let start = ((place / columns * shape.height + y) * width + place % columns * shape.width) * shape.channels
        pixels[start..<(start + rowBytes)] = image.pixels[(y * rowBytes)..<((y + 1) * rowBytes)]
      }
    }
    return Image(width: width, height: rows * shape.height, channels: shape.channels, pixels: pixels)
  }
}
