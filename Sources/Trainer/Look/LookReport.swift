import Terminal
import Vision

/// What is inside a trained network, as a page: first-layer filters, feature maps of a picture, what activates units most
/// and which of its pixels do, where templates fit, the loss around the weights, how weights are distributed.
public struct LookReport {
  /// Weights that are pictures themselves: [count, height, width, channels] with 1 or 3 channels.
  public struct Filters: Sendable {
    public let layer: String
    public let shape: ImageShape
    public let weights: [Float]

    public init(layer: String, shape: ImageShape, weights: [Float]) {
      self.layer = layer
      self.shape = shape
      self.weights = weights
    }

    /// How many filters there are.
    public var count: Int { weights.count / shape.count }

    /// [height, width, channels].
    public func values(_ filter: Int) -> [Float] {
      Array(weights[(filter * shape.count)..<((filter + 1) * shape.count)])
    }

    /// The filter as a picture: 0 is grey, its largest weight white or black.
    public func image(_ filter: Int) -> Image { Image(signed: values(filter), shape) }
  }

  /// What a layer made of a picture: [height, width, channels].
  public struct FeatureMaps: Sendable {
    public let layer: String
    public let shape: ImageShape
    public let values: [Float]

    public init(layer: String, shape: ImageShape, values: [Float]) {
      self.layer = layer
      self.shape = shape
      self.values = values
    }
  }

  /// A unit (a channel of a layer) and the parts of pictures that activate it most, the strongest first.
  public struct Unit: Sendable {
    public let channel: Int
    public let patches: [Patch]

    public init(channel: Int, patches: [Patch]) {
      self.channel = channel
      self.patches = patches
    }
  }

  /// A part of a picture that activates a unit.
  public struct Patch: Sendable {
    public let image: Image
    /// What of `image` the activation comes from, as `Deconvolution` finds it; the same shape.
    public let projection: [Float]
    public let label: String
    public let activation: Float

    public init(image: Image, projection: [Float], label: String, activation: Float) {
      self.image = image
      self.projection = projection
      self.label = label
      self.activation = activation
    }
  }

  /// All weights of a layer.
  public struct Weights: Sendable {
    public let layer: String
    public let values: [Float]

    public init(layer: String, values: [Float]) {
      self.layer = layer
      self.values = values
    }
  }

  public let title: String
  public let summary: String
  /// Nil if the first layer's weights are no pictures.
  public let filters: Filters?
  public let image: Image
  /// What the picture is, and what the network says.
  public let imageCaption: String
  public let maps: [FeatureMaps]
  /// Of recurrent layers, while they read the picture.
  public let states: [SequenceStates]
  /// The layer of `units`.
  public let unitLayer: String
  public let units: [Unit]
  /// Nil if nothing was searched for.
  public let search: TemplateSearch?
  public let landscape: (losses: LossLandscape, caption: String)?
  public let weights: [Weights]

  /// Feature maps and filters of a layer that a page shows.
  public static let mostMaps = 32

  public init(
    title: String, summary: String, filters: Filters?, image: Image, imageCaption: String, maps: [FeatureMaps],
    states: [SequenceStates], unitLayer: String, units: [Unit], search: TemplateSearch?,
    landscape: (losses: LossLandscape, caption: String)?,
    weights: [Weights]
  ) {
    self.title = title
    self.summary = summary
    self.filters = filters
    self.image = image
    self.imageCaption = imageCaption
    self.maps = maps
    self.states = states
    self.unitLayer = unitLayer
    self.units = units
    self.search = search
    self.landscape = landscape
    self.weights = weights
  }

  /// The page, in one file that opens offline.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  public func html() throws(VisionError) -> String {
    var page = Page(title: title, summary: summary)
    if let filters { try add(filters, to: &page) }
    page.heading("Feature maps of a picture")
    page.paragraph(
      "What the layers make of one picture, a map for each unit. Black is nothing, white the layer's highest value; where "
        + "there are negative values, grey is nothing and black the lowest.")
    try page.pictures([Page.Picture(image: image, caption: imageCaption)])
    for map in maps {
      page.subheading("\(map.layer): \(map.shape)")
      try page.pictures(map.images.enumerated().map { Page.Picture(image: $1, caption: "\($0)") }, isSmall: true)
    }
    if !states.isEmpty {
      page.heading("States over the steps")
      try SequenceStates.add(states, to: &page)
    }
    if !units.isEmpty { try add(units, to: &page) }
    if let search { try search.add(to: &page) }
    if let landscape { landscape.losses.add(to: &page, caption: landscape.caption) }
    page.heading("Weights")
    page.drawings(weights.map { $0.histogram })
    return page.html
  }

  private func add(_ filters: Filters, to page: inout Page) throws(VisionError) {
    page.heading("Filters of \(filters.layer)")
    page.paragraph(
      "The weights of the first layer as pictures: grey is 0, white pulls towards the unit's firing, black against it. A "
        + "filter looks like the input that it fires on.")
    try page.pictures(filters.images.enumerated().map { Page.Picture(image: $1, caption: "\($0)") }, isSmall: true)
  }

  private func add(_ units: [Unit], to page: inout Page) throws(VisionError) {
    page.heading("What activates the units of \(unitLayer)")
    page.paragraph(
      "Each unit as a detector: the places in the test images where its activation is highest, the strongest first, and "
        + "of places that overlap only the strongest (as Girshick et al. 2014 did for pool5). To the left the part of the "
        + "picture that the unit sees; to the right what of it the activation comes from, by deconvolution (Zeiler and "
        + "Fergus 2014): white pixels raise the activation by being bright, black ones by being dark, grey ones do not "
        + "count.")
    for unit in units {
      page.subheading("unit \(unit.channel)" + (unit.patches.isEmpty ? ": nothing activates it" : ""))
      try page.pictures(
        unit.patches.map { patch in
          Page.Picture(
            image: patch.image, caption: patch.label, note: shortNumber(Double(patch.activation), digits: 3),
            companion: patch.projectionImage)
        }, isSmall: true)
    }
  }
}

extension LookReport.Filters {
  /// The first filters, each with its largest weight at white or black.
  var images: [Image] { (0..<min(count, LookReport.mostMaps)).map { image($0) } }
}

extension LookReport.Patch {
  var projectionImage: Image {
    Image(
      signed: projection,
      ImageShape(height: image.height, width: image.width, channels: image.channels))
  }
}

extension Image {
  /// Numbers as a picture: 0 is grey, the largest magnitude white or black.
  init(signed values: [Float], _ shape: ImageShape) {
    let largest = values.reduce(.leastNormalMagnitude) { max($0, $1.magnitude) }
    self.init(
      width: shape.width, height: shape.height, channels: shape.channels,
      pixels: values.map { grey(0.5 + 0.5 * $0 / largest) })
  }
}

extension LookReport.FeatureMaps {
  /// The first channels, all of a layer to one scale.
  var images: [Image] {
    let finite = values.filter { $0.isFinite }
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 0)
    let largest = max(-low, high, .leastNormalMagnitude)
    return (0..<min(shape.channels, LookReport.mostMaps)).map { channel in
      let pixels = stride(from: channel, to: values.count, by: shape.channels).map { index in
        grey(low < 0 ? 0.5 + 0.5 * values[index] / largest : values[index] / largest)
      }
      return Image(width: shape.width, height: shape.height, channels: 1, pixels: pixels)
    }
  }
}

extension LookReport.Weights {
  /// How many weights lie in each of sixty intervals.
  var histogram: Drawing {
    let finite = values.map { Double($0) }.filter { $0.isFinite }
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 0)
    let width = max((high - low) / 60, 1e-9)
    var counts = [Double](repeating: 0, count: 60)
    for value in finite { counts[min(Int((value - low) / width), 59)] += 1 }
    // Each interval is two points of one height: steps.
    let points = counts.enumerated().flatMap { index, count in
      [Point(x: low + Double(index) * width, y: count), Point(x: low + Double(index + 1) * width, y: count)]
    }
    let mean = finite.reduce(0, +) / Double(max(finite.count, 1))
    let variance = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(finite.count, 1))
    return LineChart(
      title: "\(layer): \(finite.count) weights, deviation \(shortNumber(variance.squareRoot(), digits: 3))",
      x: Axis("weight", values: [low, high], isTight: true), y: Axis("weights", values: counts, including: [0]),
      series: [
        .init(name: layer, points: points, band: points.map { Interval(x: $0.x, mean: $0.y, low: 0, high: $0.y) })
      ], width: 340, height: 250
    ).drawing()
  }
}

/// `share` of white; what is outside 0...1, and NaN, is brought in.
func grey(_ share: Float) -> UInt8 { UInt8(min(max(share.isNaN ? 0 : share, 0), 1) * 255) }
