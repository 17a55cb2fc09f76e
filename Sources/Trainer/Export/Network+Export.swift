import Format

extension Network {
  /// The network as it runs on a device, batch 1, float: without dropout, batch-norm folded and activations fused where
  /// `Graph.simplified()` can, softmax or sigmoid at the end as the loss has it, averaged weights where the recipe keeps
  /// them.
  ///
  /// - Throws: `TrainerError.invalid` if the weights are no numbers any more or the network is beyond the file's limits.
  ///
  /// Law: the graph's output is what `predict` gives, to rounding.
  public func exportGraph() throws(TrainerError) -> Graph {
    var exporter = GraphExporter(backend)
    exporter.addInput(list.inputs[0])
    try withAverage { () throws(TrainerError) in
      for layer in list.layers { try layer.export(to: &exporter) }
    }
    var output = exporter.tensor(of: list.output)
    let shape = exporter.graph.tensors[output].shape
    switch list.head {
    case .softmax: output = exporter.add(.softmax, name: "softmax", inputs: [output], shape: shape)
    case .sigmoid: output = exporter.add(.activation(.sigmoid), name: "sigmoid", inputs: [output], shape: shape)
    case .none: break
    }
    exporter.setOutput(output)
    do throws(FormatError) {
      try exporter.graph.verify()
    } catch {
      throw .invalid(what: "exported graph", expected: "a valid model", found: error.description)
    }
    return exporter.graph.simplified()
  }
}
