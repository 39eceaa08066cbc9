package penstock.number;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.Random;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class SumsTest {
    private static final long[] EXTREMES = {Long.MIN_VALUE, Long.MAX_VALUE, -1, 0, 1, 1L << 53, 1L << 32};
    private final Random random = new Random(2);

    private long value() {
        return switch (random.nextInt(3)) {
            case 0 -> EXTREMES[random.nextInt(EXTREMES.length)];
            case 1 -> random.nextLong();
            default -> random.nextInt();
        };
    }

    @Test
    void sumsAndSquaresAreExactOverAddAndSubtract() {
        Sum128 sum = new Sum128();
        SquareSum squares = new SquareSum();
        BigInteger expected = BigInteger.ZERO;
        BigInteger expectedSquares = BigInteger.ZERO;
        ArrayDeque<Long> held = new ArrayDeque<>();
        for (int i = 0; i < 20_000; i++) {
            boolean add = held.isEmpty() || random.nextInt(5) < 3;
            long x = add ? value() : held.poll();
            BigInteger big = BigInteger.valueOf(x);
            if (add) {
                held.add(x);
                sum.add(x);
                squares.add(x);
                expected = expected.add(big);
                expectedSquares = expectedSquares.add(big.multiply(big));
            } else {
                sum.subtract(x);
                squares.subtract(x);
                expected = expected.subtract(big);
                expectedSquares = expectedSquares.subtract(big.multiply(big));
            }
            assertEquals(expected, sum.toBig());
            assertEquals(expectedSquares, squares.toBig());
            assertEquals(expected.bitLength() < 64, sum.fitsLong());
        }
    }

    @Test
    void sumsAreAddedAndDoubledExactly() {
        for (int i = 0; i < 1000; i++) {
            Sum128 sum = new Sum128();
            BigInteger expected = BigInteger.ZERO;
            for (int doubled = 0; doubled < 60; doubled++) {
                Sum128 other = new Sum128();
                other.add(value());
                sum.twice();
                sum.add(other);
                expected = expected.shiftLeft(1).add(other.toBig());
                assertEquals(expected, sum.toBig());
            }
        }
    }

    @Test
    void sumsOfAPartAreTakenAwayExactly() {
        for (int i = 0; i < 1000; i++) {
            Sum128 sum = new Sum128();
            Sum128 part = new Sum128();
            SquareSum squares = new SquareSum();
            SquareSum partSquares = new SquareSum();
            BigInteger expected = BigInteger.ZERO;
            BigInteger expectedSquares = BigInteger.ZERO;
            for (int n = 0; n < 40; n++) {
                long x = value();
                sum.add(x);
                squares.add(x);
                if (random.nextBoolean()) {
                    part.add(x);
                    partSquares.add(x);
                } else {
                    expected = expected.add(BigInteger.valueOf(x));
                    expectedSquares = expectedSquares.add(BigInteger.valueOf(x).pow(2));
                }
            }
            sum.subtract(part);
            squares.subtract(partSquares);
            assertEquals(expected, sum.toBig());
            assertEquals(expectedSquares, squares.toBig());
        }
    }

    @Test
    void highPowersAreExactAndReadBack() throws Exception {
        HighPowers powers = new HighPowers();
        BigInteger cubes = BigInteger.ZERO;
        BigInteger fourths = BigInteger.ZERO;
        for (int i = 0; i < 1000; i++) {
            long x = value();
            long gone = value();
            powers.add(gone);
            powers.add(x);
            powers.subtract(gone);
            cubes = cubes.add(BigInteger.valueOf(x).pow(3));
            fourths = fourths.add(BigInteger.valueOf(x).pow(4));
        }
        DataOutputSerializer out = new DataOutputSerializer(64);
        powers.write(out);
        HighPowers back = new HighPowers();
        back.read(new DataInputDeserializer(out.getCopyOfBuffer()));
        assertEquals(cubes, back.cubes());
        assertEquals(fourths, back.fourths());
    }

    @Test
    void anEmptiedSumIsExactlyNothing() {
        Sum128 sum = new Sum128();
        SquareSum squares = new SquareSum();
        for (long x : EXTREMES) {
            sum.add(x);
            squares.add(x);
        }
        for (long x : EXTREMES) {
            sum.subtract(x);
            squares.subtract(x);
        }
        assertEquals(BigInteger.ZERO, sum.toBig());
        assertEquals(BigInteger.ZERO, squares.toBig());
    }

    @Test
    void fitsLongAtTheEdge() {
        Sum128 sum = new Sum128();
        sum.add(Long.MAX_VALUE);
        assertTrue(sum.fitsLong());
        sum.add(1);
        assertFalse(sum.fitsLong());
        sum.subtract(1);
        assertTrue(sum.fitsLong());
    }

    @Test
    void bytesReadBack() throws Exception {
        SquareSum squares = new SquareSum();
        Sum128 sum = new Sum128();
        for (int i = 0; i < 9; i++) {
            squares.add(Long.MIN_VALUE);
            sum.add(Long.MIN_VALUE);
        }
        DataOutputSerializer out = new DataOutputSerializer(64);
        squares.write(out);
        sum.write(out);
        DataInputDeserializer in = new DataInputDeserializer(out.getCopyOfBuffer());
        SquareSum squaresBack = new SquareSum();
        Sum128 sumBack = new Sum128();
        squaresBack.read(in);
        sumBack.read(in);
        assertEquals(squares.toBig(), squaresBack.toBig());
        assertEquals(sum.toBig(), sumBack.toBig());
    }

    @Test
    void meansAndVariancesOfHugeScales() {
        Sum128 sum = new Sum128();
        SquareSum squares = new SquareSum();
        for (long x : new long[] {1, 2, 3, 4}) {
            sum.add(x);
            squares.add(x);
        }
        assertEquals(2.5, new Moments(0).mean(4, sum));
        assertEquals(5.0 / 3, new Moments(0).variance(4, sum, squares));
        assertEquals(1e-21, new Moments(22).sum(sum));
        assertEquals(2.5e-22, new Moments(22).mean(4, sum));
    }
}
