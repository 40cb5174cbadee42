with judged as (
    select
        model_version, count(*) as photo_count,
        count(*) filter (where verdict = 'good') as good_photo_count,
        count(*) filter (where verdict = 'defective') as defective_photo_count,
        count(*) filter (where verdict = 'unsure') as unsure_photo_count,
        count(*) filter (where verdict = 'refused') as refused_photo_count
    from {{ ref("stg_ml__image_scores") }}
    group by model_version
)

select
    models.model_version, models.model_kind, models.trained_photo_count, models.trained_defective_photo_count,
    models.validation_photo_count, models.threshold, models.threshold_probability, models.unsure_from, models.unsure_to,
    models.precision_share, models.recall_share, models.false_reject_share, models.review_share, models.expected_cost_per_photo,
    models.auroc, models.metadata_auroc, models.cost_of_passing_all, models.cost_of_rejecting_all, models.miss_cost, models.false_reject_cost, models.review_cost,
    models.expected_defect_share, models.has_moved, models.moved_reason, models.note,
    coalesce(judged.photo_count, 0) as photo_count, coalesce(judged.good_photo_count, 0) as good_photo_count,
    coalesce(judged.defective_photo_count, 0) as defective_photo_count, coalesce(judged.unsure_photo_count, 0) as unsure_photo_count,
    coalesce(judged.refused_photo_count, 0) as refused_photo_count
from {{ ref("stg_ml__vision_models") }} as models
left join judged on models.model_version = judged.model_version
