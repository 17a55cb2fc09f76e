import Format
import Vision

extension DataSet {
  /// Reads a folder of photos; see `PhotoFolder` for its layouts.
  ///
  /// Where the folder does not say which photos to test with, every class gives a fifth of its photos (at least one),
  /// drawn by the options' seed; where it has a `val` and no `test` folder, the former is for testing. A photo that cannot
  /// be decoded is left out and listed in `skipped`.
  ///
  /// - Parameter geometry: the size, channels and fit that photos are brought to; mean and deviation play no part.
  init(photos path: String, name: String, geometry: Preprocessing, options: DataOptions) throws(DataError) {
    let folder = try PhotoFolder(path)
    let (decoded, notes) = folder.decoded(geometry: geometry, cache: options.cache)
    var parts: [PhotoFolder.Part: Examples] = [:]
    var skipped: [SkippedFile] = []
    var start = 0
    let shape = ImageShape(height: geometry.height, width: geometry.width, channels: geometry.channels)
    for part in PhotoFolder.Part.allCases {
      var (classes, files): ([Int32], [String]) = ([], [])
      let first = start
      for (file, reason) in zip(folder.files, decoded.reasons) where file.part == part {
        let path = folder.path + "/" + file.name
        if let reason {
          skipped.append(SkippedFile(path: path, reason: reason))
        } else {
          classes.append(Int32(file.label))
          files.append(path)
          start += shape.count
        }
      }
      guard folder.files.contains(where: { $0.part == part }) else { continue }
      parts[part] = Examples(shape: shape, pixels: Array(decoded.pixels[first..<start]), classes: classes, files: files)
    }
    try folder.check(parts, decoded.reasons)
    guard let train = parts[.train] else { throw .noExamples(what: path) }
    var split = (train: train, validation: parts[.validation], test: parts[.test])
    if !folder.isSplit {
      (split.train, split.test) = train.testSplit(seed: options.splitSeed, classCount: folder.labels.count)
    } else if split.test == nil {
      (split.validation, split.test) = (nil, split.validation)
    }
    self.init(
      name: name, labels: folder.labels, train: split.train, validation: split.validation, test: split.test!,
      skipped: skipped)
    self.notes = notes
  }
}

extension PhotoFolder {
  /// Every class must have something to learn from and, where there is no test folder, to test with; the other parts
  /// must have something at all.
  fileprivate func check(_ parts: [Part: Examples], _ reasons: [String?]) throws(DataError) {
    let counts = parts[.train]?.histogram(classCount: labels.count) ?? [Int](repeating: 0, count: labels.count)
    for (label, found) in counts.enumerated() where found < (isSplit ? 1 : 2) {
      let skipped = zip(files, reasons).count { $0.part == .train && $0.label == label && $1 != nil }
      throw .tooFewImages(
        folder: folder(of: label, part: .train), expected: isSplit ? 1 : 2, found: found, skipped: skipped)
    }
    guard isSplit else { return }
    let others = [Part.test, .validation].compactMap { parts[$0] }
    guard !others.isEmpty, others.allSatisfy({ $0.count > 0 }) else { throw .noExamples(what: path + ": test and val") }
  }

  /// The photos, from the cache if it has them as they are, and into it if not.
  fileprivate func decoded(geometry: Preprocessing, cache: DataCache?) -> (photos: DecodedPhotos, notes: [String]) {
    guard let cache else { return (DecodedPhotos(self, geometry: geometry), []) }
    let key = PhotoKey(self, geometry: geometry)
    if let photos = cache.photos(key, count: files.count, imageBytes: geometry.inputCount) { return (photos, []) }
    let photos = DecodedPhotos(self, geometry: geometry)
    do throws(DataError) {
      try cache.store(photos, key)
      return (photos, [])
    } catch {
      return (photos, ["warning: \(error.description); decoded photos are not kept"])
    }
  }
}
