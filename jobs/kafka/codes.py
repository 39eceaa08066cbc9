"""Kafka's error codes, whichever client reports them: which pass by themselves, and what the others mean to a job."""

from __future__ import annotations

from penstock.jobs.kafka.errors import (
    Fenced,
    KafkaFailure,
    LoginRefused,
    LostPartitions,
    NotAllowed,
    Unanswered,
    UnknownTopic,
    WrongTime,
)

#: The protocol's numbers and names. A code that is not here does not pass, and means nothing special.
KINDS: dict[type[KafkaFailure], dict[int, str]] = {
    # passes: a leader or a coordinator moves, a broker or its replicas are slow, away or full, a limit is reached
    Unanswered: {
        5: "LEADER_NOT_AVAILABLE",
        6: "NOT_LEADER_OR_FOLLOWER",
        7: "REQUEST_TIMED_OUT",
        8: "BROKER_NOT_AVAILABLE",
        9: "REPLICA_NOT_AVAILABLE",
        13: "NETWORK_EXCEPTION",
        14: "COORDINATOR_LOAD_IN_PROGRESS",
        15: "COORDINATOR_NOT_AVAILABLE",
        16: "NOT_COORDINATOR",
        19: "NOT_ENOUGH_REPLICAS",
        20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        41: "NOT_CONTROLLER",
        51: "CONCURRENT_TRANSACTIONS",
        56: "KAFKA_STORAGE_ERROR",
        70: "FETCH_SESSION_ID_NOT_FOUND",
        71: "INVALID_FETCH_SESSION_EPOCH",
        72: "LISTENER_NOT_FOUND",
        74: "FENCED_LEADER_EPOCH",
        75: "UNKNOWN_LEADER_EPOCH",
        78: "OFFSET_NOT_AVAILABLE",
        80: "PREFERRED_LEADER_NOT_AVAILABLE",
        83: "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        88: "UNSTABLE_OFFSET_COMMIT",
        89: "THROTTLING_QUOTA_EXCEEDED",
    },
    LostPartitions: {22: "ILLEGAL_GENERATION", 25: "UNKNOWN_MEMBER_ID", 27: "REBALANCE_IN_PROGRESS"},
    # these last
    LoginRefused: {58: "SASL_AUTHENTICATION_FAILED"},
    NotAllowed: {
        29: "TOPIC_AUTHORIZATION_FAILED",
        30: "GROUP_AUTHORIZATION_FAILED",
        31: "CLUSTER_AUTHORIZATION_FAILED",
        53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        65: "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
    },
    UnknownTopic: {3: "UNKNOWN_TOPIC_OR_PARTITION"},
    WrongTime: {32: "INVALID_TIMESTAMP"},
    Fenced: {
        47: "INVALID_PRODUCER_EPOCH",
        48: "INVALID_TXN_STATE",
        82: "FENCED_INSTANCE_ID",
        90: "PRODUCER_FENCED",
    },
}

#: By code.
KIND: dict[int, type[KafkaFailure]] = {code: kind for kind, codes in KINDS.items() for code in codes}
