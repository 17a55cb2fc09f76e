import Vision

/// What is inside a trained network for sequences, as a page: how units follow a text, which of its tokens what was said
/// depends on, where tokens lie in the embedding, how weights are distributed.
public struct SequenceLookReport {
  /// A text that one of the model's graphs has read.
  public struct Reading: Sendable {
    /// "The text", "The answer".
    public let title: String
    /// In the order in which they were read.
    public let tokens: [String]
    /// Of each recurrent layer, a step for each token.
    public let states: [SequenceStates]

    public init(title: String, tokens: [String], states: [SequenceStates]) {
      self.title = title
      self.tokens = tokens
      self.states = states
    }
  }

  /// How much what was said of a text depends on each of its parts.
  public enum Saliency: Sendable {
    /// A number for each token: by how much ln p falls if the token were an unknown one.
    case tokens([String], [Float])
    /// A number for each square of an image, row by row: by how much ln p falls if it had the mean colour.
    case squares(Image, across: Int, [Float])
  }

  /// The rows of an embedding's table.
  public struct Embedding: Sendable {
    public let layer: String
    /// One for each row.
    public let tokens: [String]
    public let plane: PrincipalPlane

    public init(layer: String, tokens: [String], plane: PrincipalPlane) {
      self.layer = layer
      self.tokens = tokens
      self.plane = plane
    }
  }

  public let title: String
  public let summary: String
  /// What the network said of the example, and what would have been right.
  public let said: String
  public let readings: [Reading]
  /// Units that are shown of each layer.
  public let units: Int
  public let saliency: Saliency
  public let embeddings: [Embedding]
  public let weights: [LookReport.Weights]

  public init(
    title: String, summary: String, said: String, readings: [Reading], units: Int, saliency: Saliency,
    embeddings: [Embedding], weights: [LookReport.Weights]
  ) {
    self.title = title
    self.summary = summary
    self.said = said
    self.readings = readings
    self.units = units
    self.saliency = saliency
    self.embeddings = embeddings
    self.weights = weights
  }

  /// The page, in one file that opens offline.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  public func html() throws(VisionError) -> String {
    var page = Page(title: title, summary: summary)
    page.heading("What was said")
    page.code(said)
    try addSaliency(to: &page)
    for reading in readings where !reading.states.isEmpty {
      page.heading("\(reading.title), as units see it")
      page.paragraph(
        "Each line is the text, coloured by what one unit puts out behind each token (as Karpathy et al. 2016 did): blue "
          + "where it is positive, orange where it is negative, the stronger the farther from 0. Of each layer the units "
          + "that change most.")
      for states in reading.states {
        page.subheading(states.layer)
        for unit in states.liveliest(units) {
          page.colored(reading.tokens, states.values(ofUnit: unit), label: "unit \(unit)")
        }
      }
      page.heading("\(reading.title): states")
      try SequenceStates.add(reading.states, to: &page)
    }
    if !embeddings.isEmpty {
      page.heading("Embeddings")
      page.paragraph(
        "The vectors of the tokens, on the plane along which they differ most (principal components). What the network "
          + "takes for alike lies close together.")
      page.drawings(embeddings.map { $0.drawing })
    }
    page.heading("Weights")
    page.drawings(weights.map { $0.histogram })
    return page.html
  }

  private func addSaliency(to page: inout Page) throws(VisionError) {
    page.heading("What it depends on")
    let measure = "the logarithm of the probability of what was said"
    switch saliency {
    case .tokens(let tokens, let values):
      page.paragraph(
        "Blue tokens speak for it, orange ones against: by how much \(measure) falls if the token were an unknown one "
          + "(occlusion, Zeiler and Fergus 2014).")
      page.colored(tokens, values, label: "")
    case .squares(let image, let across, let values):
      page.paragraph(
        "White squares speak for it, black ones against: by how much \(measure) falls if the square had the mean colour "
          + "(occlusion, Zeiler and Fergus 2014).")
      let shape = ImageShape(height: values.count / across, width: across, channels: 1)
      try page.widePicture(image, caption: "the image")
      try page.widePicture(Image(signed: values, shape), caption: "its squares")
    }
  }
}

extension SequenceLookReport.Embedding {
  /// The tokens at their places.
  var drawing: Drawing {
    let (x, y) = (
      Axis("first", values: plane.points.map(\.x), including: [0]),
      Axis("second", values: plane.points.map(\.y), including: [0])
    )
    let frame = Frame(left: y.labelWidth + 8, top: 56, width: 440, height: 440, x: x, y: y)
    let shares = plane.shares.map { String(Int(($0 * 100).rounded())) }
    var drawing = Drawing(
      width: frame.right + 24, height: frame.bottom + 46,
      summary: "Tokens of \(layer) by their first two principal components")
    drawing.text(
      "\(layer): \(tokens.count) tokens, \(shares[0]) % and \(shares[1]) % of the variance", x: 0, y: 18, class: "title"
    )
    frame.draw(in: &drawing)
    for (token, point) in zip(tokens, plane.points) {
      guard let at = frame.place(point.x, point.y) else { continue }
      drawing.text(token.visible, x: at.x, y: at.y + 4, anchor: .middle, class: "haloed")
    }
    return drawing
  }
}

extension Page {
  /// A text with a colour behind each token.
  ///
  /// - Parameters:
  ///   - values: one for each token; the largest magnitude has the strongest colour.
  ///   - label: in front of it.
  fileprivate mutating func colored(_ tokens: [String], _ values: [Float], label: String) {
    let largest = values.reduce(.leastNormalMagnitude) { max($0, $1.magnitude) }
    block("colored") { box in
      if !label.isEmpty { box.element("small", text: label) }
      for (token, value) in zip(tokens, values) {
        let step = Theme.step(Double(0.5 + 0.5 * value / largest))
        let tip = "\(token.visible) \(shortNumber(Double(value), digits: 3))"
        box.element("span", ["class": "on-d\(step)", "title": tip], text: token == "\n" ? "↵\n" : token)
      }
    }
  }
}
