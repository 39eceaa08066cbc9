package penstock.json;

import java.math.BigDecimal;

/** The same decimal in the notation of Python's {@code repr}: exponents only below 1e-4 and from 1e16 on. */
final class PythonDouble {
    private PythonDouble() {}

    static String fromJava(String java) {
        if (java.indexOf('E') < 0) {
            return java; // Java's plain notation, from 1e-3 on and below 1e7, is Python's too
        }
        BigDecimal decimal = new BigDecimal(java).stripTrailingZeros();
        int exponent = decimal.precision() - decimal.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = decimal.toPlainString();
            return decimal.scale() <= 0 ? plain + ".0" : plain;
        }
        return scientific(decimal, exponent);
    }

    private static String scientific(BigDecimal decimal, int exponent) {
        String digits = decimal.unscaledValue().abs().toString();
        String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
        String power = (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
        return (decimal.signum() < 0 ? "-" : "") + digits.charAt(0) + fraction + "e" + power;
    }
}
