package penstock.number;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import penstock.plan.Order;
import penstock.plan.Type;

class FloatTextTest {
    private static final float[] ENDS = {
        0.0f, 1.0f, -1.0f, 0.1f, Float.MIN_VALUE, -Float.MIN_VALUE, Float.MIN_NORMAL, Float.MAX_VALUE, -Float.MAX_VALUE
    };

    private static String text(float... vector) {
        FloatText text = new FloatText();
        for (float element : vector) {
            text.add(element);
        }
        return text.toString();
    }

    @Test
    void elementsComeBackWithTheirBits() {
        Random random = new Random(1);
        for (int i = 0; i < 10_000; i++) {
            float element = i < ENDS.length ? ENDS[i] : Float.intBitsToFloat(random.nextInt());
            if (!Float.isFinite(element) || element == 0) {
                continue;
            }
            assertEquals(Float.floatToRawIntBits(element), Float.floatToRawIntBits(FloatText.element(text(7f, element), 1)));
        }
        assertEquals(0, Float.floatToRawIntBits(FloatText.element(text(-0.0f), 0)));
        assertEquals(3, FloatText.size(text(1f, 2f, 3f)));
        assertTrue(text(ENDS).chars().allMatch(c -> c < 0x80));
    }

    @Test
    void theOrderOfTextsIsThatOfTheElements() {
        Random random = new Random(2);
        for (int i = 0; i < 10_000; i++) {
            float[] a = vector(random);
            float[] b = vector(random);
            int expected = Arrays.compare(a, b);
            int found = Order.compare(Type.VECTOR, 0, text(a), 0, text(b));
            assertEquals(Integer.signum(expected), Integer.signum(found), Arrays.toString(a) + Arrays.toString(b));
        }
    }

    private static float[] vector(Random random) {
        float[] vector = new float[2];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = ENDS[random.nextInt(ENDS.length)];
        }
        return vector;
    }
}
