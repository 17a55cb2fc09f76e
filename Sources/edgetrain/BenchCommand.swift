import Terminal
import Trainer

enum BenchCommand {
  static let command = Command(
    name: "edgetrain bench",
    summary: "Measures how many images a second a network trains on, with made-up images.",
    operands: [Operand("NET")],
    options: [
      Option("batch", value: "N", help: "images in a step (default: as NET says)"),
      DeviceOption.device, DeviceOption.shares, CommonOptions.threads, DeviceOption.retune, DeviceOption.profile,
      Option("seconds", value: "S", help: "how long to measure, after a tenth of it to warm up (default 2)"),
      CommonOptions.json,
    ],
    examples: [
      "edgetrain bench nets/lenet5.net --batch 64 --threads 1",
      "edgetrain bench nets/lenet5.net --device opencl --profile",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    var description = try NetworkDescription(path: arguments.operands[0])
    if let batch = try arguments.integer("batch", in: 1...65_536) { description.recipe.batch = batch }
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange) ?? availableThreads()
    let seconds =
      try arguments.number(
        "seconds", expected: "a number of seconds above 0, at most 3600", where: { $0 > 0 && $0 <= 3600 }) ?? 2
    let device = try DeviceOption(arguments, of: command)
    OpenBLASEnvironment.establish()
    let devices = try device.devices(threads: threads)

    let batch = description.recipe.batch
    guard batch != TrainingRecipe.wholeSet else {
      throw UsageError("--batch", expected: "a number, for NET says 'batch all'", found: "none", command: command.name)
    }
    let network = try DataParallel(description, devices: devices, batch: batch, seed: 1)
    // Class 0 for all, and a rate of 0: what is learnt does not change the work.
    var images = Batch(size: batch, inputCounts: [network.inputCount], labelCount: network.network.labelCount)
    images.count = batch
    images.inputs[0] = description.randomInputs(count: batch, seed: 1)
    func step() throws { _ = try network.trainStep(images, of: batch, rate: 0) }

    let clock = ContinuousClock()
    let warm = clock.now + .seconds(seconds / 10)
    repeat { try step() } while clock.now < warm
    let profiled = devices.profiled(by: device)
    for backend in profiled { try backend.resetProfile() }
    var times: [Double] = []
    let end = clock.now + .seconds(seconds)
    repeat {
      let start = clock.now
      try step()
      times.append((clock.now - start).seconds)
    } while clock.now < end
    times.sort()
    let median = Double(batch) / times[times.count / 2]
    let best = Double(batch) / times[0]

    guard arguments.has("json") else {
      write(
        "\(description.name): median \(fixed(median, decimals: 0)) images/s, best step "
          + "\(fixed(best, decimals: 0)) images/s; batch \(batch), \(devices.name), \(times.count) steps\n")
      for backend in profiled { write(try profileText(backend)) }
      return
    }
    var json = JSONWriter(isOneLine: true)
    let kernels = try profiled.flatMap { backend in try backend.profile().map { (backend.name, $0) } }
    json.object { json in
      json.field("network", description.name)
      json.field("batch", batch)
      json.field("device", devices.name)
      json.field("threads", threads)
      json.field("steps", times.count)
      json.field("images_per_second", median, decimals: 1)
      json.field("best_images_per_second", best, decimals: 1)
      if device.profiles { json.profile(kernels) }
    }
    write(json.text)
  }
}
