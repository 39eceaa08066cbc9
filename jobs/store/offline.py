"""Feast's DuckDB offline store, which refuses times that the change points do not cover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from feast import FeatureView, RepoConfig
from feast.data_source import DataSource
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry

from penstock.features.compilers.feast.view import FINGERPRINT_TAG, SOURCE_SUFFIX
from penstock.features.errors import RefusedError
from penstock.features.span import Span
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.project.project import load_project

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class PenstockDuckDBOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """The options of Feast's DuckDB store."""

    type: Literal["penstock.jobs.store.offline.PenstockDuckDBOfflineStore"] = (
        "penstock.jobs.store.offline.PenstockDuckDBOfflineStore"
    )


class PenstockDuckDBOfflineStore(DuckDBOfflineStore):
    """What 'feast materialize' and ``get_historical_features`` read, checked as Penstock's own commands check it."""

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The newest rows up to ``end_date``. Raises UsageError when the change points do not cover it."""
        _check_end(config, data_source, end_date)
        return DuckDBOfflineStore.pull_latest_from_table_or_query(
            config,
            data_source,
            join_key_columns,
            feature_name_columns,
            timestamp_field,
            created_timestamp_column,
            start_date,
            end_date,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """All rows up to ``end_date``. Raises UsageError when the change points do not cover it."""
        if end_date is not None:
            _check_end(config, data_source, end_date)
        return DuckDBOfflineStore.pull_all_from_table_or_query(
            config,
            data_source,
            join_key_columns,
            feature_name_columns,
            timestamp_field,
            created_timestamp_column,
            start_date,
            end_date,
        )

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        """A point-in-time join. Raises UsageError when the change points do not cover the entities' times."""
        if isinstance(entity_df, pd.DataFrame) and len(entity_df):
            for view in feature_views:
                _check(config, view.batch_source, _span(entity_df))
        return DuckDBOfflineStore.get_historical_features(
            config,
            feature_views,
            feature_refs,
            entity_df,
            registry,
            project,
            full_feature_names,
            filter_by_created_timestamp,
        )


def _check_end(config: RepoConfig, source: DataSource, end_date: datetime) -> None:
    end = _milliseconds(end_date)
    _check(config, source, Span(end, end + 1))


def _check(config: RepoConfig, source: DataSource | None, span: Span) -> None:
    """A source that Penstock did not generate is not checked."""
    fingerprint = source.tags.get(FINGERPRINT_TAG) if source is not None else None
    if source is None or fingerprint is None:
        return
    folder = Path(config.repo_path or ".")
    project = load_project(folder)
    plan = project.view(source.name.removesuffix(SOURCE_SUFFIX)).plan
    if plan.fingerprint != fingerprint:
        raise RefusedError(
            f"Feast's registry has another definition of {plan.name}: fingerprint {fingerprint}",
            where=str(folder),
            allowed=f"fingerprint {plan.fingerprint}",
            hint="run 'feast apply'",
        )
    check_coverage(project, plan, project.change_points(plan.name), span)


def _span(entities: pd.DataFrame) -> Span:
    """From the first of the entities' times to just after the last."""
    column = infer_event_timestamp_from_entity_df(dict(entities.dtypes))
    times = pd.to_datetime(entities[column], utc=True)
    return Span(_milliseconds(times.min()), _milliseconds(times.max()) + 1)


def _milliseconds(moment: Any) -> int:
    """A time without a zone is UTC, as everywhere in Feast."""
    return int(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND)
