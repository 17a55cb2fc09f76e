import Terminal
import Vision

/// A data set as a page: how many examples of each class, what images look like, which come twice, what was left out.
public struct DataReport {
  public let data: DataSet
  public let duplicates: [[DataSet.Place]]

  /// Images of each class that the contact sheet shows, and groups of duplicates.
  static let imagesOfClass = 24
  static let shownDuplicates = 40

  public init(_ data: DataSet, duplicates: [[DataSet.Place]]) {
    self.data = data
    self.duplicates = duplicates
  }

  /// The page, in one file that opens offline.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  public func html() throws(VisionError) -> String {
    let parts = DataSet.Part.allCases.compactMap { part in data.examples(part).map { (part, $0) } }
    let counts = parts.map { "\($0.1.count) to \($0.0.purpose)" }.joined(separator: ", ")
    var page = Page(title: data.name, summary: "Examples \(data.shape): \(counts).")
    page.heading("Classes")
    page.drawings([
      BarChart(
        title: "Examples of each class", axis: "examples", categories: data.labels,
        series: parts.map { part, examples in
          .init(
            name: part.rawValue, values: examples.histogram(classCount: data.labels.count).map(Double.init))
        }, format: { "\(Int($0))" }
      ).drawing()
    ])
    try addContactSheet(to: &page)
    try addDuplicates(to: &page)
    if !data.skipped.isEmpty {
      page.heading("Left out")
      page.table(
        [.init(title: "file", isNumber: false), .init(title: "reason", isNumber: false)],
        rows: data.skipped.map { [$0.path, $0.reason] })
    }
    return page.html
  }

  /// Training images of each class, always the same ones.
  private func addContactSheet(to page: inout Page) throws(VisionError) {
    guard !data.train.holdsNumbers else { return }
    page.heading("Training images")
    for (label, name) in data.labels.enumerated() {
      page.subheading(name)
      let members = data.train.classes.indices.filter { data.train.classes[$0] == label }
      var stream = RandomStream(seed: 0, .sample, number: label)
      let shown = stream.permutation(of: members.count).prefix(DataReport.imagesOfClass).map { members[$0] }.sorted()
      try page.pictures(shown.map { picture(DataSet.Place(part: .train, index: $0)) }, isSmall: true)
    }
  }

  private func addDuplicates(to page: inout Page) throws(VisionError) {
    guard !duplicates.isEmpty else { return }
    page.heading("Duplicates")
    page.paragraph("\(duplicates.count) groups of examples that are the same.")
    guard !data.train.holdsNumbers else { return }
    var pictures: [Page.Picture] = []
    for group in duplicates.prefix(DataReport.shownDuplicates) {
      var shown = picture(group[0])
      shown.note = group.map { "\(data.name($0)): \(data.label($0))" }.joined(separator: "; ")
      pictures.append(shown)
    }
    try page.pictures(pictures)
  }

  private func picture(_ place: DataSet.Place) -> Page.Picture {
    Page.Picture(image: data.examples(place.part)!.image(place.index), caption: data.name(place))
  }
}

extension DataSet.Part {
  fileprivate var purpose: String {
    switch self {
    case .train: "train on"
    case .validation: "choose the best epoch by"
    case .test: "test with"
    }
  }
}
