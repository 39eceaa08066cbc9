package penstock.expr;

/** A float64. NaN and infinities are not values: they become null. */
abstract class Real extends Eval {
    final double value(double x) {
        isNull = !Double.isFinite(x);
        return isNull ? 0 : x + 0.0;
    }

    final double nothing() {
        isNull = true;
        return 0;
    }
}
