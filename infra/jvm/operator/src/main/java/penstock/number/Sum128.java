package penstock.number;

import java.io.IOException;
import java.math.BigInteger;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** An exact sum of up to 2**64 longs, as a signed 128-bit number. */
public final class Sum128 {
    public long hi;
    public long lo;

    public void add(long value) {
        long sum = lo + value;
        hi += (value >> 63) + carry(lo, value, sum);
        lo = sum;
    }

    public void subtract(long value) {
        long difference = lo - value;
        long borrow = Long.compareUnsigned(lo, value) < 0 ? 1 : 0;
        hi -= (value >> 63) + borrow;
        lo = difference;
    }

    public void add(Sum128 other) {
        long sum = lo + other.lo;
        hi += other.hi + carry(lo, other.lo, sum);
        lo = sum;
    }

    public void subtract(Sum128 other) {
        long borrow = Long.compareUnsigned(lo, other.lo) < 0 ? 1 : 0;
        hi -= other.hi + borrow;
        lo -= other.lo;
    }

    public void twice() {
        hi = hi << 1 | lo >>> 63;
        lo <<= 1;
    }

    static long carry(long a, long b, long sum) {
        return ((a & b) | ((a | b) & ~sum)) >>> 63;
    }

    public boolean fitsLong() {
        return hi == lo >> 63;
    }

    public BigInteger toBig() {
        return BigInteger.valueOf(hi).shiftLeft(64).add(Big.unsigned(lo));
    }

    public void copyFrom(Sum128 other) {
        hi = other.hi;
        lo = other.lo;
    }

    public void write(DataOutputView out) throws IOException {
        out.writeLong(hi);
        out.writeLong(lo);
    }

    public void read(DataInputView in) throws IOException {
        hi = in.readLong();
        lo = in.readLong();
    }
}
