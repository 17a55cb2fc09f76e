/// Keeps gradients of the loss from growing beyond bounds, before the optimizer sees them and before the weights' penalty is
/// added.
public enum GradientClip: Equatable, Sendable {
  case none
  /// g ← g · min(1, limit / ‖g‖) over the gradient of all weights as one vector (Pascanu et al. 2013).
  case norm(Float)
  /// Each element is held to [−limit, limit].
  case value(Float)
}
