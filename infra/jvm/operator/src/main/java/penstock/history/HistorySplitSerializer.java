package penstock.history;

import java.io.IOException;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import penstock.types.Wire;

/** Splits in checkpoints. */
final class HistorySplitSerializer implements SimpleVersionedSerializer<HistorySplit> {
    private static final int VERSION = 1;
    private static final int ROOM = 64;

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(HistorySplit split) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(ROOM);
        Wire.writeSize(split.lane(), out);
        Wire.writeText(split.file(), out);
        Wire.writeSize(split.rows(), out);
        return out.getCopyOfBuffer();
    }

    @Override
    public HistorySplit deserialize(int version, byte[] bytes) throws IOException {
        DataInputDeserializer in = new DataInputDeserializer(bytes);
        return new HistorySplit((int) Wire.readSize(in), Wire.readText(in), Wire.readSize(in));
    }
}
