package penstock.history;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import penstock.types.Wire;

/** The splits that no reader has been given yet, in checkpoints. */
final class UnreadFiles implements SimpleVersionedSerializer<List<HistorySplit>> {
    private static final int ROOM = 256;
    private final HistorySplitSerializer each = new HistorySplitSerializer();

    @Override
    public int getVersion() {
        return each.getVersion();
    }

    @Override
    public byte[] serialize(List<HistorySplit> splits) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(ROOM);
        Wire.writeSize(splits.size(), out);
        for (HistorySplit split : splits) {
            Wire.writeBytes(each.serialize(split), out);
        }
        return out.getCopyOfBuffer();
    }

    @Override
    public List<HistorySplit> deserialize(int version, byte[] bytes) throws IOException {
        DataInputDeserializer in = new DataInputDeserializer(bytes);
        List<HistorySplit> splits = new ArrayList<>();
        for (long left = Wire.readSize(in); left > 0; left--) {
            splits.add(each.deserialize(version, Wire.readBytes(in)));
        }
        return splits;
    }
}
