import Format
import Vision

/// A large picture, and templates that were searched for in it by correlation.
public struct TemplateSearch: Sendable {
  public struct Match: Sendable {
    /// As in "the cut-out waldo.jpg", "filter 3".
    public let name: String
    /// What the template looks like, in its own size.
    public let image: Image
    public let map: CorrelationMap

    public init(name: String, image: Image, map: CorrelationMap) {
      self.name = name
      self.image = image
      self.map = map
    }
  }

  public let picture: Image
  /// What the picture is.
  public let caption: String
  /// Searched for in detail: marked places and cut-outs of them. Nil if only filters are.
  public let cutOut: Match?
  public let filters: [Match]

  /// Places that are marked for the cut-out and for each filter.
  public static let markedPlaces = 6
  static let markedPlacesOfFilter = 3

  public init(picture: Image, caption: String, cutOut: Match?, filters: [Match]) {
    self.picture = picture
    self.caption = caption
    self.cutOut = cutOut
    self.filters = filters
  }

  func add(to page: inout Page) throws(VisionError) {
    page.heading("Where is it? Templates by correlation")
    page.paragraph(
      "A template slides over a picture; each place of its output map says how well it fits there (normalized "
        + "correlation: white is 1, the same but for brightness and contrast; grey 0; black −1, the negative). That is what "
        + "a filter of a convolution does. \(caption)")
    if let cutOut {
      page.subheading(cutOut.name)
      let places = cutOut.map.best(TemplateSearch.markedPlaces)
      page.drawings([
        try drawing("Found in the picture", picture, cutOut.map, places, isMap: false),
        try drawing("Output map", cutOut.map.image, cutOut.map, places, isMap: true),
      ])
      var pictures = [Page.Picture(image: cutOut.image, caption: "the template")]
      for (index, place) in places.enumerated() {
        pictures.append(
          Page.Picture(
            image: picture.cropped(to: cutOut.map.region(of: place)), caption: "\(index + 1): \(place.text)",
            note: "at \(place.x), \(place.y)"))
      }
      try page.pictures(pictures, isSmall: true)
    }
    guard !filters.isEmpty else { return }
    page.subheading("The first layer's filters as templates")
    var drawings: [Drawing] = []
    for filter in filters {
      let places = filter.map.best(TemplateSearch.markedPlacesOfFilter)
      drawings.append(
        try drawing(
          "\(filter.name): \(places.first?.text ?? "")", filter.map.image, filter.map, places, isMap: true,
          width: 340, template: filter.image))
    }
    page.drawings(drawings)
  }

  /// The picture or an output map, with numbers at the best places.
  private func drawing(
    _ title: String, _ image: Image, _ map: CorrelationMap, _ places: [CorrelationMap.Place], isMap: Bool,
    width: Double = 500, template: Image? = nil
  ) throws(VisionError) -> Drawing {
    let scale = width / Double(picture.width)
    let top = template == nil ? 28.0 : 44.0
    var drawing = Drawing(
      width: width, height: top + scale * Double(picture.height),
      summary: "\(title). Best places: " + places.map { "\($0.x), \($0.y)" }.joined(separator: "; "))
    if let template {
      try drawing.picture(template.enlarged(), x: 0, y: 0, width: 36, height: 36)
      drawing.text(title, x: 46, y: 23, class: "title")
    } else {
      drawing.text(title, x: 0, y: 18, class: "title")
    }
    // An output map is smaller than the picture: its values stand at the templates' middles.
    let (left, above) = isMap ? (Double(map.template.width - 1) / 2, Double(map.template.height - 1) / 2) : (0, 0)
    drawing.rectangle(
      x: 0, y: top, width: width, height: scale * Double(picture.height), class: "panel")
    try drawing.picture(
      image, x: scale * left, y: top + scale * above, width: scale * Double(image.width),
      height: scale * Double(image.height))
    for style in ["halo", "found"] {
      for place in places {
        let size = (scale * Double(map.template.width), scale * Double(map.template.height))
        drawing.rectangle(
          x: scale * Double(place.x), y: top + scale * Double(place.y), width: size.0, height: size.1, radius: 2,
          class: style)
      }
    }
    for (index, place) in places.enumerated() {
      // In the box's corner, or above a box that it would hide.
      let isLarge = scale * Double(min(map.template.width, map.template.height)) > 28
      let at = Point(
        x: min(scale * Double(place.x), width - 16), y: max(top, top + scale * Double(place.y) - (isLarge ? 0 : 18)))
      drawing.rectangle(x: at.x, y: at.y, width: 16, height: 16, radius: 2, class: "fill s1")
      drawing.text("\(index + 1)", x: at.x + 8, y: at.y + 12, anchor: .middle, class: "tag")
    }
    return drawing
  }
}

extension CorrelationMap {
  /// −1 is black, 0 grey, 1 white.
  var image: Image {
    Image(width: width, height: height, channels: 1, pixels: values.map { grey(0.5 + 0.5 * $0) })
  }

  func region(of place: Place) -> Region {
    Region(x: place.x, y: place.y, width: template.width, height: template.height)
  }
}

extension CorrelationMap.Place {
  fileprivate var text: String { shortNumber(Double(correlation), digits: 3) }
}
