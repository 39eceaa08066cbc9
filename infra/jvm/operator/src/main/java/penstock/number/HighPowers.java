package penstock.number;

import java.io.IOException;
import java.math.BigInteger;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.types.Wire;

/** Exact sums of the third and fourth powers of longs. */
public final class HighPowers {
    private BigInteger cubes = BigInteger.ZERO;
    private BigInteger fourths = BigInteger.ZERO;

    public void add(long value) {
        BigInteger big = BigInteger.valueOf(value);
        BigInteger cube = big.pow(3);
        cubes = cubes.add(cube);
        fourths = fourths.add(cube.multiply(big));
    }

    /** Takes the powers of {@code value}, added before, away. */
    public void subtract(long value) {
        BigInteger big = BigInteger.valueOf(value);
        BigInteger cube = big.pow(3);
        cubes = cubes.subtract(cube);
        fourths = fourths.subtract(cube.multiply(big));
    }

    /** Takes sums whose powers were added before away. */
    public void subtract(HighPowers other) {
        cubes = cubes.subtract(other.cubes);
        fourths = fourths.subtract(other.fourths);
    }

    public BigInteger cubes() {
        return cubes;
    }

    public BigInteger fourths() {
        return fourths;
    }

    public void copyFrom(HighPowers other) {
        cubes = other.cubes;
        fourths = other.fourths;
    }

    public void write(DataOutputView out) throws IOException {
        Wire.writeBytes(cubes.toByteArray(), out);
        Wire.writeBytes(fourths.toByteArray(), out);
    }

    public void read(DataInputView in) throws IOException {
        cubes = new BigInteger(Wire.readBytes(in));
        fourths = new BigInteger(Wire.readBytes(in));
    }
}
