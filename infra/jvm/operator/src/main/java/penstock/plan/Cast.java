package penstock.plan;

import java.util.Map;

/**
 * Which forms of a value a column takes beside its own.
 *
 * @param text numbers and truths written as text
 * @param fraction whole numbers written with a fraction
 * @param number numbers as digits, or as truths
 * @param places of exact decimals; -1: a number need not be one
 * @param power the power of ten of milliseconds that one unit of a time is
 * @param iso times are texts in ISO 8601, those without a zone of {@code zone}, which may be null
 * @param values what each text stands for; null: any text stands for itself
 */
public record Cast(
        boolean text,
        boolean fraction,
        boolean number,
        int places,
        int power,
        boolean iso,
        Zone zone,
        Map<String, String> values) {
    /** A column's own type alone. */
    public static final Cast PLAIN = new Cast(false, false, false, -1, 0, false, null, null);

    /** The same for a value that comes from where there is nothing but text. */
    public Cast ofText() {
        return new Cast(true, fraction, number, places, power, iso, zone, values);
    }
}
