package penstock.number;

import java.io.IOException;
import java.math.BigInteger;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** An exact sum of squares of longs, as an unsigned 192-bit number. */
public final class SquareSum {
    public long top;
    public long hi;
    public long lo;

    /** Adds {@code value * value}. */
    public void add(long value) {
        long squareLo = value * value;
        long squareHi = Math.multiplyHigh(value, value);
        long sumLo = lo + squareLo;
        long carry = Sum128.carry(lo, squareLo, sumLo);
        long sumHi = hi + squareHi;
        long carryHi = Sum128.carry(hi, squareHi, sumHi);
        lo = sumLo;
        hi = sumHi + carry;
        // adding the low carry can only wrap when the sum was all ones
        top += carryHi + (carry != 0 && hi == 0 ? 1 : 0);
    }

    /** Takes {@code value * value}, added before, away. */
    public void subtract(long value) {
        long squareLo = value * value;
        long squareHi = Math.multiplyHigh(value, value);
        long borrow = Long.compareUnsigned(lo, squareLo) < 0 ? 1 : 0;
        long borrowHi = Long.compareUnsigned(hi, squareHi) < 0 ? 1 : 0;
        long differenceHi = hi - squareHi;
        lo -= squareLo;
        hi = differenceHi - borrow;
        top -= borrowHi + (borrow != 0 && differenceHi == 0 ? 1 : 0);
    }

    /** Takes a sum whose squares were added before away. */
    public void subtract(SquareSum other) {
        long borrow = Long.compareUnsigned(lo, other.lo) < 0 ? 1 : 0;
        long borrowHi = Long.compareUnsigned(hi, other.hi) < 0 ? 1 : 0;
        long differenceHi = hi - other.hi;
        lo -= other.lo;
        hi = differenceHi - borrow;
        top -= other.top + borrowHi + (borrow != 0 && differenceHi == 0 ? 1 : 0);
    }

    public BigInteger toBig() {
        return BigInteger.valueOf(top).shiftLeft(64).add(Big.unsigned(hi)).shiftLeft(64).add(Big.unsigned(lo));
    }

    public void copyFrom(SquareSum other) {
        top = other.top;
        hi = other.hi;
        lo = other.lo;
    }

    public void write(DataOutputView out) throws IOException {
        out.writeLong(top);
        out.writeLong(hi);
        out.writeLong(lo);
    }

    public void read(DataInputView in) throws IOException {
        top = in.readLong();
        hi = in.readLong();
        lo = in.readLong();
    }
}
