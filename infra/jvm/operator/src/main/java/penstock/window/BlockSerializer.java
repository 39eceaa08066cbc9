package penstock.window;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Blocks in keyed state. */
final class BlockSerializer extends PlainSerializer<Block> {
    private static final long serialVersionUID = 1L;
    private static final int VERSION = 1;

    BlockSerializer() {
        super("");
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(Block block, DataOutputView out) throws IOException {
        out.writeBoolean(block.texts != null);
        Wire.writeSize(block.size, out);
        for (int i = 0; i < block.size; i++) {
            if (block.texts != null) {
                Wire.writeText(block.texts[i], out);
            } else {
                out.writeLong(block.bits[i]);
            }
            Wire.writeSize(block.counts[i], out);
        }
    }

    @Override
    protected Block read(int version, DataInputView in) throws IOException {
        boolean text = in.readBoolean();
        Block block = new Block(text);
        for (long left = Wire.readSize(in); left > 0; left--) {
            block.append(text ? 0 : in.readLong(), text ? Wire.readText(in) : null, Wire.readSize(in));
        }
        return block;
    }

    @Override
    public Block copy(Block from) {
        return from.copy();
    }

    @Override
    public BlockSerializer duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<Block> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Has no layout. */
    public static final class Snapshot extends PlainSnapshot<Block> {
        public Snapshot() {
            super("");
        }

        @Override
        protected PlainSerializer<Block> serializer(String layout) {
            return new BlockSerializer();
        }
    }
}
